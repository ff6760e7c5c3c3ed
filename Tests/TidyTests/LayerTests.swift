import Testing

/// Imports only go down. The compiler's own check misses transitive imports, so the table is held here.
@Suite("Layers")
struct LayerTests {
    /// Target, its layer, and what it may import of the project.
    static let table: [String: (layer: Int, may: Set<String>)] = [
        "CZeroMQ": (0, []), "CYAML": (0, []), "CLinux": (0, []), "CKernels": (0, []), "Mutants": (0, []),
        "Hashing": (1, []), "Topology": (1, ["Hashing"]), "Tensors": (1, ["Mutants"]), "Telemetry": (1, ["Topology"]),
        "StrictJSON": (1, []), "Faults": (1, []), "Histories": (1, ["Mutants"]),
        "SharedMemory": (2, ["Hashing", "CLinux", "Mutants"]), "Workers": (2, ["CLinux", "SharedMemory"]),
        "Messaging": (2, ["CLinux", "CZeroMQ", "Mutants", "Workers"]),
        "YAML": (2, ["CYAML"]),
        "Fabric": (
            3,
            [
                "Hashing",
                "CKernels", "CLinux", "Faults", "Histories", "Mutants", "Topology", "Telemetry", "SharedMemory",
                "Workers", "Messaging",
            ]
        ),
        "Membership": (3, ["Fabric", "Faults", "Histories", "SharedMemory"]),
        "Kernels": (4, ["CKernels", "Mutants", "Tensors"]),
        "Collectives": (4, ["Hashing", "Fabric", "Kernels", "Mutants", "Tensors", "Topology", "Telemetry"]),
        "Experts": (
            4,
            [
                "Hashing",
                "Collectives", "Fabric", "Faults", "Histories", "Kernels", "Mutants", "Tensors", "Topology",
                "Telemetry",
            ]
        ),
        "Attention": (
            4, ["Collectives", "Fabric", "Faults", "Kernels", "Mutants", "Tensors", "Topology", "Telemetry"]
        ),
        "Oracle": (4, ["Tensors"]), "Baselines": (4, ["CKernels", "CLinux", "Fabric", "SharedMemory"]),
        "Model": (
            5,
            [
                "Hashing",
                "Attention", "Experts", "Collectives", "Fabric", "Kernels", "SharedMemory", "StrictJSON", "Tensors",
                "Telemetry", "Topology",
            ]
        ),
        "ClusterFiles": (5, ["Faults", "Messaging", "SharedMemory", "StrictJSON", "Topology", "Workers", "YAML"]),
        "NodeRuntime": (
            5,
            [
                "Fabric", "CLinux", "Faults", "Histories", "Messaging", "SharedMemory", "Workers", "Telemetry",
                "Topology", "Tensors",
            ]
        ),
        "Launching": (
            5,
            [
                "Hashing",
                "CLinux", "Faults", "Membership", "Mutants", "NodeRuntime", "Fabric", "Messaging", "SharedMemory",
                "Workers",
                "Topology",
                "Telemetry",
            ]
        ),
        "Fuzzing": (
            6,
            [
                "Hashing",
                "Launching", "NodeRuntime", "Model", "ClusterFiles", "Collectives", "Fabric", "Faults", "Histories",
                "Messaging", "Workers", "SharedMemory", "StrictJSON", "Topology",
            ]
        ),
        "Simulation": (
            6,
            [
                "Hashing",
                "Collectives", "Experts", "Fabric", "Faults", "Fuzzing", "Histories", "Messaging", "Oracle",
                "SharedMemory", "Tensors", "Workers",
            ]
        ),
        "softpod": (6, ["*"]), "TestKit": (6, ["*"]),
    ]
    /// Modules from outside the project, and the lowest layer that may use them.
    static let outside: [String: Int] = [
        "Synchronization": 1, "Glibc": 2, "Foundation": 5, "FoundationEssentials": 5, "Logging": 5, "SystemPackage": 5,
        "ArgumentParser": 6,
        "Testing": 7, "Dispatch": 7,
    ]

    static func imports(_ file: SourceTree.File) -> [(line: Int, module: String)] {
        file.code.compactMap { number, text in
            let words = text.split(separator: " ").filter {
                !["public", "internal", "package", "private", "fileprivate", "@testable", "@preconcurrency"].contains(
                    $0)
            }
            guard words.count >= 2, words[0] == "import" else { return nil }
            return (number, String(words[1]))
        }
    }

    @Test("The table knows every target folder")
    func complete() {
        let folders = Set(SourceTree.swift.map(\.target)).union(SourceTree.c.map(\.target))
        #expect(folders.subtracting(Self.table.keys) == [])
        #expect(Set(Self.table.keys).subtracting(folders) == [])
    }

    @Test("Imports only go down the layers")
    func down() {
        var broken: [String] = []
        for file in SourceTree.swift {
            guard let row = Self.table[file.target] else { continue }
            for (line, module) in Self.imports(file) {
                if let target = Self.table[module] {
                    let listed = row.may.contains("*") || row.may.contains(module)
                    if !listed || target.layer > row.layer { broken.append("\(file.path):\(line) imports \(module)") }
                } else if let lowest = Self.outside[module] {
                    // The mutants' table reads one variable, in a build of its own.
                    if row.layer < lowest, !["TestKit", "Mutants"].contains(file.target) {
                        broken.append("\(file.path):\(line) imports \(module), which starts at layer \(lowest)")
                    }
                } else {
                    broken.append("\(file.path):\(line) imports \(module), which no table knows")
                }
            }
        }
        #expect(broken == [])
    }

    @Test("The package manifest allows no more than the table")
    func manifest() throws {
        let text = try #require(SourceTree.read("Package.swift"))
        for (target, row) in Self.table where row.layer > 0 && !row.may.contains("*") {
            let after = text.split(separator: "name: \"\(target)\"", maxSplits: 1)
            guard after.count == 2 else { continue }
            let block = after[1].split(separator: "ettings: ", maxSplits: 1)[0]
            let declared = Self.table.keys.filter { block.contains("\"\($0)\"") }
            #expect(Set(declared).subtracting(row.may) == [], "\(target) in Package.swift")
        }
    }

    @Test("Only the oracle's users import it, and it shares no kernel with what it judges")
    func oracle() {
        let users = Set(SourceTree.swift.filter { Self.imports($0).contains { $0.module == "Oracle" } }.map(\.target))
        #expect(users.subtracting(["Simulation", "softpod", "TestKit"]) == [])
    }
}
