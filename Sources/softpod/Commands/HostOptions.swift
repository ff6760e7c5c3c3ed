internal import ArgumentParser
internal import ClusterFiles
internal import FoundationEssentials
internal import Topology
internal import Workers

/// Which hosts a cluster runs on, for every command that launches one.
struct HostOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Run on the hosts of this file (\"host slots=4\" or \"host:4\"; a slot is a die), reached by --remote-shell.",
            valueName: "file"))
    var hostfile: String?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp(
            "The same in one word: host:4,other:4. Short lists such as n[1-4]:8 are understood.", valueName: "hosts"))
    var hosts: String?

    @Option(
        name: .customLong("cluster"),
        help: ArgumentHelp(
            "The same from a cluster file (YAML), which may also name a topology and keys.", valueName: "file"))
    var clusterFile: String?

    @Option(
        help: ArgumentHelp(
            "How to start a command on another host: called with the host's name and a command line.",
            valueName: "command"))
    var remoteShell: String = "ssh -x -o BatchMode=yes"

    @Option(
        help: ArgumentHelp("softpod on the other hosts. By default where it is on this one.", valueName: "path"))
    var remoteProgram: String?

    @Option(
        help: ArgumentHelp(
            "This host's address as the others reach it. By default $HCCL_IF_IP, $HCCL_SOCKET_IFNAME's, or the one toward them.",
            valueName: "address"))
    var address: String?

    @Option(
        help: ArgumentHelp(
            """
            Key file that all hosts have (see softpod keys). By default $SOFTPOD_KEYS, or else keys made for the run where there is a \
            safe way to hand them on: a remote shell or PMIx.
            """, valueName: "file"))
    var keys: String?

    @Flag(help: "No keys and no encryption between hosts: only where all addresses are loopback.")
    var plain = false

    @Option(
        help: ArgumentHelp(
            "Topology file: how many dies an NPU and a server have. All hosts must have it alike.", valueName: "file"))
    var topology: String?

    func validate() throws {
        let lists = [("--hostfile", hostfile), ("--hosts", hosts), ("--cluster", clusterFile)].filter { $0.1 != nil }
        guard lists.count <= 1 else {
            throw ValidationError("\(lists.map(\.0).joined(separator: " and ")) list hosts: give one of them.")
        }
        guard !remoteShell.split(separator: " ").isEmpty else {
            throw ValidationError("--remote-shell must be a command.")
        }
        guard keys == nil || !plain else { throw ValidationError("--keys and --plain exclude each other.") }
        if let address, !HostName.isValid(address) {
            throw ValidationError("--address must be a host's name or address, not \(Printable.line(address)).")
        }
    }

    /// The cluster file, if one is given.
    func file() throws -> ClusterFile? { try clusterFile.map { try ClusterFile.read(path: $0) } }

    /// The hosts of the list and their ranks; nil without a list.
    func plan(dies: Int?) throws -> HostPlan? {
        if let clusterFile, let file = try file() {
            if let dies, dies != file.plan.rankCount {
                throw UsageError("\(clusterFile) has \(file.plan.rankCount) dies, not \(dies)")
            }
            return file.plan
        }
        let offers: [HostOffer]
        if let hostfile {
            offers = try HostFile.read(path: hostfile)
        } else if let hosts {
            offers = try HostFile.parse(TextFile(bytes: Array(Self.lines(hosts).utf8), file: "--hosts"))
        } else {
            return nil
        }
        return try HostPlan(filling: offers, dies: dies, usingMaximum: dies != nil)
    }

    /// One host a line: commas outside brackets end a line.
    private static func lines(_ list: String) -> String {
        var depth = 0
        return String(
            list.map { character in
                if character == "[" { depth += 1 } else if character == "]" { depth -= 1 }
                return character == "," && depth == 0 ? "\n" : character
            })
    }

    /// This host's address as others reach it, where it was given.
    func ownAddress(_ environment: [String: String]) throws -> String? {
        try address ?? variableAddress(environment)
    }

    /// The same from Ascend's variables alone.
    func variableAddress(_ environment: [String: String]) throws -> String? {
        let interfaces = HostAddress.interfaces
        if let address = environment["HCCL_IF_IP"], !address.isEmpty {
            guard interfaces.contains(where: { $0.address == address }) else {
                throw UsageError("HCCL_IF_IP: \(Printable.line(address)) is no address of \(ProcessControl.hostName)")
            }
            return address
        }
        guard let name = environment["HCCL_SOCKET_IFNAME"], !name.isEmpty else { return nil }
        if let address = InterfaceChoice(name)?.address(among: interfaces) { return address }
        throw UsageError("HCCL_SOCKET_IFNAME: \(Printable.line(name)) has no address here")
    }
}
