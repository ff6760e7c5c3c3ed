// swift-tools-version: 6.2
import PackageDescription

/// The settings every Swift target shares: language mode 6, strict memory safety, no warning survives.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// C is for system shims and kernels only, and as strict as the rest.
let strictC: [CSetting] = [
    .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno"])
]

/// A static Swift runtime makes a rank process start in a few milliseconds; the sanitizers need the shared one. At a fixed
/// address no page of it is rewritten at start, so all ranks share its pages: 1.0 instead of 1.8 MB a process.
let sanitized = Context.environment["SOFTPOD_SANITIZER"] != nil
let executableLinking: [LinkerSetting] =
    sanitized
    ? []
    : [
        .unsafeFlags(["-static-stdlib", "-Xclang-linker", "-no-pie"]),
        .linkedLibrary("FoundationEssentials"), .linkedLibrary("_FoundationCShims"),
        .linkedLibrary("_FoundationCollections"), .linkedLibrary("swiftSynchronization"),
    ]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "SoftPod",
    products: [.executable(name: "softpod", targets: ["softpod"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // L0: what Swift cannot say.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CLinux", cSettings: strictC),
        // Faults that tests are tried on; empty but in the build of `scripts/test --mutants`.
        .target(name: "Mutants", swiftSettings: house),
        .target(name: "CKernels", cSettings: strictC),
        // L1: values.
        .target(name: "Hashing", swiftSettings: house),
        .target(name: "Topology", dependencies: ["Hashing"], swiftSettings: house),
        .target(name: "Tensors", dependencies: ["Mutants"], swiftSettings: house),
        .target(name: "Telemetry", swiftSettings: house),
        .target(name: "StrictJSON", swiftSettings: house),
        .target(name: "Faults", swiftSettings: house),
        .target(name: "Histories", dependencies: ["Mutants"], swiftSettings: house),
        // L2: the owners of mappings, threads, sockets and parsers.
        .target(name: "SharedMemory", dependencies: ["Hashing", "CLinux", "Mutants"], swiftSettings: house),
        .target(name: "Workers", dependencies: ["CLinux", "SharedMemory"], swiftSettings: house),
        .target(
            name: "Messaging", dependencies: ["CLinux", "CZeroMQ", "Mutants", "Workers"],
            swiftSettings: house + (sanitized ? [.define("SOFTPOD_TSAN")] : [])),
        .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: house),
        // L3: the bus.
        .target(
            name: "Fabric",
            dependencies: [
                "Hashing",
                "CKernels", "CLinux", "Faults", "Histories", "Messaging", "Mutants", "SharedMemory", "Workers",
            ],
            swiftSettings: house + (sanitized ? [.define("SOFTPOD_TSAN")] : [])),
        .target(
            name: "Membership", dependencies: ["Fabric", "Faults", "Histories", "SharedMemory"], swiftSettings: house),
        // L4: algorithms.
        .target(name: "Kernels", dependencies: ["CKernels", "Mutants", "Tensors"], swiftSettings: house),
        .target(
            name: "Collectives", dependencies: ["Hashing", "Fabric", "Kernels", "Mutants", "Tensors"],
            swiftSettings: house),
        .target(
            name: "Baselines", dependencies: ["CKernels", "CLinux", "Fabric", "SharedMemory"], swiftSettings: house),
        .target(
            name: "Experts",
            dependencies: ["Hashing", "Faults", "Fabric", "Histories", "Kernels", "Mutants", "Tensors"],
            swiftSettings: house),
        .target(
            name: "Attention",
            dependencies: ["Fabric", "Faults", "Kernels", "Mutants", "Tensors"],
            swiftSettings: house),
        .target(name: "Oracle", dependencies: ["Tensors"], swiftSettings: house),
        // L5: the model, the life of a process, the cluster.
        .target(
            name: "Model",
            dependencies: [
                "Hashing",
                "Attention", "Experts", "Collectives", "Fabric", "Kernels", "SharedMemory", "StrictJSON", "Tensors",
            ],
            swiftSettings: house),
        .target(
            name: "ClusterFiles",
            dependencies: [
                "Faults", "Messaging", "SharedMemory", "StrictJSON", "Topology", "Workers", "YAML",
            ],
            swiftSettings: house),
        .target(
            name: "NodeRuntime",
            dependencies: ["Fabric", "Faults", "Histories", "Messaging", "SharedMemory", "Workers"],
            swiftSettings: house),
        .target(
            name: "Launching",
            dependencies: [
                "Hashing",
                "Fabric", "Faults", "Membership", "Mutants", "NodeRuntime", "Messaging", "SharedMemory", "Workers",
            ],
            swiftSettings: house),
        // L6: the fuzzer, the simulator, the command line and the test harness.
        .target(
            name: "Fuzzing",
            dependencies: [
                "Hashing",
                "Launching", "NodeRuntime", "Model", "ClusterFiles", "Collectives", "Fabric", "Faults", "Histories",
                "Messaging", "Workers", "SharedMemory", "StrictJSON", "Topology",
            ],
            swiftSettings: house),
        .target(
            name: "Simulation",
            dependencies: [
                "Hashing",
                "Collectives", "Experts", "Fabric", "Faults", "Fuzzing", "Histories", "Messaging", "Oracle",
                "SharedMemory", "Tensors", "Workers",
            ],
            swiftSettings: house),
        .executableTarget(
            name: "softpod",
            dependencies: [
                "Hashing",
                "Fuzzing", "Simulation", "Launching", "NodeRuntime", "Model", "ClusterFiles", "Attention", "Experts",
                "Collectives",
                "Oracle", "Faults", "Histories", "Kernels", "Baselines", "Fabric", "Membership", "Messaging", "Workers",
                "SharedMemory",
                "Tensors", "Telemetry", "Topology", system,
                arguments,
            ],
            swiftSettings: house, linkerSettings: executableLinking, plugins: ["StampCommit"]),
        .plugin(name: "StampCommit", capability: .buildTool()),
        .target(
            name: "TestKit",
            dependencies: [
                "Hashing", "Launching", "NodeRuntime", "Fabric", "Faults", "Messaging", "Workers", "SharedMemory",
            ],
            swiftSettings: house),
        // Tests: one folder a target, and those that cross targets.
        .testTarget(name: "TensorsTests", dependencies: ["Tensors"], swiftSettings: house),
        .testTarget(name: "HashingTests", dependencies: ["Hashing"], swiftSettings: house),
        .testTarget(name: "YAMLTests", dependencies: ["TestKit", "YAML"], swiftSettings: house),
        .testTarget(
            name: "SharedMemoryTests", dependencies: ["SharedMemory", "Workers", "TestKit"], swiftSettings: house),
        .testTarget(name: "WorkersTests", dependencies: ["CLinux", "SharedMemory", "Workers"], swiftSettings: house),
        .testTarget(name: "MessagingTests", dependencies: ["Messaging", "TestKit"], swiftSettings: house),
        // A program that starts another one in a state its parent should not have left it in.
        .executableTarget(name: "inheriting", path: "Tests/Inheriting", cSettings: strictC),
        .target(name: "CCounting", path: "Tests/CCounting", cSettings: strictC),
        .testTarget(
            name: "FabricTests",
            dependencies: [
                "Baselines", "CCounting", "Fabric", "Fuzzing", "Launching", "Messaging", "SharedMemory", "Workers",
                "TestKit",
            ],
            swiftSettings: house),
        .testTarget(
            name: "MembershipTests",
            dependencies: [
                "Collectives", "Experts", "Fabric", "Faults", "Membership", "Oracle", "SharedMemory", "Tensors",
                "Workers",
                "TestKit",
            ],
            swiftSettings: house),
        .testTarget(
            name: "KernelsTests", dependencies: ["Kernels", "Oracle", "Tensors", "TestKit"], swiftSettings: house),
        .testTarget(
            name: "CollectivesTests",
            dependencies: ["Collectives", "Fabric", "Launching", "Oracle", "Tensors", "TestKit"],
            swiftSettings: house),
        .testTarget(
            name: "ExpertsTests",
            dependencies: [
                "Experts", "Collectives", "Fabric", "Faults", "Kernels", "Launching", "Oracle", "Tensors", "TestKit",
            ],
            swiftSettings: house),
        .testTarget(
            name: "AttentionTests",
            dependencies: [
                "Attention", "Collectives", "Fabric", "Faults", "Kernels", "Launching", "Oracle", "Tensors", "TestKit",
            ],
            swiftSettings: house),
        .testTarget(
            name: "ModelTests",
            dependencies: ["Model", "Attention", "Experts", "Fabric", "Kernels", "Oracle", "Tensors", "TestKit"],
            swiftSettings: house),
        .testTarget(
            name: "LaunchingTests",
            dependencies: ["Fabric", "Launching", "NodeRuntime", "Messaging", "SharedMemory", "Workers", "TestKit"],
            swiftSettings: house),
        .testTarget(
            name: "FaultsTests", dependencies: ["ClusterFiles", "Faults", "Histories", "TestKit"], swiftSettings: house),
        .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON", "TestKit"], swiftSettings: house),
        .testTarget(
            name: "ClusterFilesTests",
            dependencies: [
                "ClusterFiles", "Messaging", "SharedMemory", "StrictJSON", "Topology", "TestKit", "Workers", system,
            ],
            swiftSettings: house),
        .testTarget(
            name: "FuzzingTests",
            dependencies: ["Fuzzing", "Launching", "Messaging", "Model", "NodeRuntime", "SharedMemory"],
            swiftSettings: house),
        .testTarget(name: "SimulationTests", dependencies: ["Fabric", "Simulation", "TestKit"], swiftSettings: house),
        .testTarget(name: "ClusterTests", dependencies: ["SharedMemory", "TestKit"], swiftSettings: house),
        .testTarget(name: "TidyTests", dependencies: [], swiftSettings: house),
    ]
)
