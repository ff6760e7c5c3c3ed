import Testing

/// The rules of the house that a compiler does not know.
@Suite("House rules")
struct HouseTests {
    /// Targets whose business is raw memory, and the fabric's copy routines.
    static let unsafeTargets: Set<String> = [
        "SharedMemory", "Messaging", "Workers", "YAML", "Kernels", "Fabric", "Baselines",
    ]
    /// Files outside those targets that touch raw memory, each for a reason given in it.
    static let unsafeFiles: Set<String> = [
        "Sources/Mutants/Mutant.swift"  // reads one variable of the environment, in the build of mutants alone
    ]

    @Test("Raw memory is touched only by its owners")
    func unsafeMemory() {
        var broken: [String] = []
        for file in SourceTree.swift
        where !Self.unsafeTargets.contains(file.target) && !Self.unsafeFiles.contains(file.path) {
            for (number, text) in file.code where text.contains(/\bunsafe\b|\bUnsafe[A-Z]|withUnsafe/) {
                broken.append("\(file.path):\(number)")
            }
        }
        #expect(broken == [])
    }

    @Test("A file holds one idea: at most 400 lines")
    func fileLength() {
        let long = (SourceTree.swift + SourceTree.tests + SourceTree.c).filter { $0.lines.count > 401 }.map(\.path)
        #expect(long == [])
    }

    @Test("A function fits a screen: at most 70 lines")
    func functionLength() {
        var broken: [String] = []
        for file in SourceTree.swift + SourceTree.tests {
            var start: (line: Int, indent: Int)?
            for (number, text) in file.code {
                let indent = text.prefix { $0 == " " }.count
                if text.contains(
                    /^\s*((public|package|internal|private|fileprivate|static|mutating|final|override|nonmutating|@\w+(\(.*\))?) )*(func|init)\b/
                ) {
                    start = (number, indent)
                } else if let open = start, text.hasPrefix(String(repeating: " ", count: open.indent) + "}") {
                    if number - open.line >= 70 {
                        broken.append("\(file.path):\(open.line) has \(number - open.line + 1) lines")
                    }
                    start = nil
                }
            }
        }
        #expect(broken == [])
    }

    @Test(
        "What the house refuses stays out",
        arguments: [
            ("a sleep", #"\b(usleep|nanosleep|Thread\.sleep|Task\.sleep)\b"#), ("try!", #"\btry!"#),
            ("a forced cast", #"\bas!"#), ("fatalError", #"\bfatalError\b"#),
            ("an implicit unwrap", #": [A-Za-z\[\]]+!"#),
            ("a block comment", #"/\*"#),
        ])
    func refused(what: String, pattern: String) throws {
        let regex = try Regex(pattern).wordBoundaryKind(.simple)
        var broken: [String] = []
        for file in SourceTree.swift + SourceTree.tests where !file.path.hasPrefix("Tests/TidyTests") {
            for (number, text) in file.code where text.contains(regex) { broken.append("\(file.path):\(number)") }
        }
        #expect(broken == [], "\(what)")
    }

    @Test("Notes to self are resolved before they are committed")
    func notes() {
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        var broken: [String] = []
        for file in SourceTree.swift + SourceTree.tests + SourceTree.c {
            for (index, line) in file.lines.enumerated() where marks.contains(where: line.contains) {
                broken.append("\(file.path):\(index + 1)")
            }
        }
        #expect(broken == [])
    }

    @Test("Only the command line prints")
    func printing() {
        var broken: [String] = []
        for file in SourceTree.swift where file.target != "softpod" {
            for (number, text) in file.code where text.contains(/\b(print|debugPrint|dump)\(/) {
                broken.append("\(file.path):\(number)")
            }
        }
        #expect(broken == [])
    }

    /// A comment behind the code, or a line of its own above it: a reason of at least two words; what documents a declaration is none.
    static func givesReason(_ line: Substring, _ above: Substring) -> Bool {
        let behind = line.split(separator: /\/\/+/, maxSplits: 1).dropFirst().first ?? ""
        let own = above.drop { $0 == " " }
        let before = own.hasPrefix("///") || !own.hasPrefix("//") ? "" : own.dropFirst(2)
        return [behind, before].contains { $0.split { !$0.isLetter }.count >= 2 }
    }

    @Test("A reason for dropping an error is words, beside it or above it, and not any comment")
    func reasons() {
        #expect(Self.givesReason("try? close()  // nothing was written", ""))
        #expect(Self.givesReason("try? close()", "    // Nothing was written."))
        #expect(!Self.givesReason("try? close()", "/// Closes it, if it is open."))
        #expect(!Self.givesReason("try? close()", "let a = 1  // of something else"))
        #expect(!Self.givesReason("try? close()  //", "") && !Self.givesReason("try? close()  // ok", ""))
    }

    @Test("An error is dropped only with its reason on the line")
    func droppedErrors() {
        var broken: [String] = []
        for file in SourceTree.swift {
            let code = file.code
            for (index, line) in file.lines.enumerated() {
                let above = index > 0 ? file.lines[index - 1] : ""
                if code[index].text.contains(/\btry\?/), !Self.givesReason(line, above) {
                    broken.append("\(file.path):\(index + 1)")
                }
            }
        }
        #expect(broken == [])
    }

    @Test("Memory orders are written out, never defaulted")
    func memoryOrders() {
        var broken: [String] = []
        for file in SourceTree.c {
            for (number, text) in file.code
            where text.contains(/__sync_|atomic_(load|store|fetch_[a-z]+|exchange)\(|__ATOMIC_CONSUME/) {
                broken.append("\(file.path):\(number)")
            }
        }
        #expect(broken == [])
    }

    @Test("C stays in the shims and the kernels, and the shims stay small")
    func cPlaces() {
        #expect(Set(SourceTree.c.map(\.target)).subtracting(["CLinux", "CKernels", "CYAML", "CZeroMQ"]) == [])
        let shim = SourceTree.c.filter { $0.target == "CLinux" && $0.name.hasSuffix(".c") }
        for file in shim { #expect(file.lines.count <= 200, "\(file.path)") }
    }

    @Test("Scripts hold no logic: at most 40 lines, and they stop at the first error")
    func scripts() throws {
        for path in SourceTree.list("scripts") + [".ci/run"] {
            let text = try #require(SourceTree.read(path))
            #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 41, "\(path)")
            #expect(text.hasPrefix("#!"), "\(path)")
            #expect(text.contains("set -euo pipefail"), "\(path)")
        }
    }

    @Test("The documents that readers look for are there, and name only files that exist")
    func documents() throws {
        for path in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
            let text = try #require(SourceTree.read(path), "\(path) is missing")
            for match in text.matches(of: /`((Sources|Tests|cluster|scripts|docs)\/[A-Za-z0-9_+.\/-]+)`/) {
                let target = String(match.output.1)
                #expect(SourceTree.exists(target), "\(path) names \(target)")
            }
        }
        #expect(SourceTree.read("LICENSE")?.contains("Apache License") == true)
    }
}
