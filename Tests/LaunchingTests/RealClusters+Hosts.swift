import Messaging
import TestKit
import Testing

extension Trait where Self == ConditionTrait {
    /// Only where network namespaces can be made; why not, the log tells.
    static var namespaces: Self {
        .enabled(
            if: ClusterUnderTest.namespaceObstacle == nil, Comment(rawValue: ClusterUnderTest.namespaceObstacle ?? ""))
    }
}

extension RealClusters {
    /// Hosts that are this machine, by the names reports use.
    static let loopback = ["localhost", "127.0.0.2"]
    /// Hosts that are namespaces.
    static let spaces = ["h1", "h2"]

    /// Two hosts of two dies each in barriers without end; every die is in the loop when this returns.
    ///
    /// - Parameter inSpaces: whether the hosts are namespaces, and not only addresses of the loop.
    static func loopingHosts(
        inSpaces: Bool = false, hub: String? = nil, _ more: [String] = []
    ) throws -> ClusterUnderTest {
        let cluster = try startingHosts(inSpaces: inSpaces, hub: hub, more)
        for rank in 0..<4 { try cluster.line(containing: "rank \(rank): looping") }
        return cluster
    }

    /// The same, without waiting for anything.
    static func startingHosts(
        inSpaces: Bool = false, hub: String? = nil, _ more: [String] = []
    ) throws -> ClusterUnderTest {
        let arguments = ["run", "--announce", "--dies", "4"] + more
        if inSpaces { return try ClusterUnderTest(arguments + ["idle"], hosts: 2, hub: hub) }
        let list = loopback.map { $0 + ":2" }.joined(separator: ",")
        return try ClusterUnderTest(arguments + ["--hosts", list, "idle"])
    }

    /// A cluster of which one host, "far", is reached by a remote shell of the test's, and is this machine all the same.
    struct FarHost {
        let folder: TestFolder
        /// The cluster's file.
        let file: String
        /// The shell: called with the host's name and a command.
        let shell: String

        /// - Parameter far: what the shell does for the far host, in place of `exec sh -c "$2"`.
        init(far: String = "exec sh -c \"$2\"", port: String? = nil, address: String = "127.0.0.2") throws {
            folder = try TestFolder()
            shell = try folder.script("shell", "[ $1 = far ] || exec sh -c \"$2\"\n\(far)")
            file = try folder.file(
                "cluster.yaml",
                """
                format: softpod-cluster/1
                name: near-and-far
                hosts:
                  - {name: near, address: 127.0.0.1, npus: 1}
                  - {name: far, address: \(address), \(port.map { "port: \($0), " } ?? "")npus: 1}

                """)
        }

        /// The flags that make a command run there.
        var flags: [String] { ["--cluster", file, "--remote-shell", shell] }
    }

    /// An address of the loop, and a port of it that nobody has.
    static func freePort() throws -> Int {
        let socket = try Socket(.router, in: MessageContext(), lingerMilliseconds: 0)
        let address = try socket.bind("tcp://127.0.0.1:*")
        return try #require(address.split(separator: ":").last.flatMap { Int($0) })
    }

    /// What every end that is not a success must keep.
    static func expectNothingLeft(
        _ end: ClusterUnderTest.Ended, from location: SourceLocation = #_sourceLocation
    ) {
        #expect(end.leftovers == [], "\(end.messages)", sourceLocation: location)
        #expect(end.files == [], "\(end.messages)", sourceLocation: location)
        #expect(!end.messages.contains { $0.contains("Fatal error") }, "\(end.messages)", sourceLocation: location)
        #expect(!end.messages.contains { $0.contains("left in /dev/shm") }, "\(end.messages)", sourceLocation: location)
    }
}
