/// A variable that users of Ascend set, and what SoftPod does about it: a silent no-op is what they complain of.
public struct AscendVariable: Sendable, Equatable {
    /// What becomes of a value.
    public enum Treatment: Sendable, Equatable {
        /// It does here what it says; how.
        case honoured(String)
        /// It does nothing here; why.
        case ignored(String)
    }

    /// The variable.
    public var name: String
    /// What it means on the real machine.
    public var meaning: String
    /// What becomes of it here.
    public var treatment: Treatment

    /// The whole table, in alphabetical order.
    public static let all: [AscendVariable] = [
        ignored("ASCEND_A3_ENABLE", "use what only an A3 has", "the machine is a topology file's"),
        ignored("ASCEND_RT_VISIBLE_DEVICES", "dies a process may use", "dies are processes; use --dies or --npus"),
        honoured("DEVICE_ID", "die on the server", "compared with the rank table of an Ascend launch"),
        ignored("GLOO_SOCKET_IFNAME", "interface of another library", "that library is not used"),
        ignored("HCCL_ALGO", "algorithm of a collective", "forms are chosen by the call; see the catalog"),
        ignored(
            "HCCL_BUFFSIZE", "MB of buffer a communicator, twice", "windows are sized by the work; use --window-bytes"),
        honoured(
            "HCCL_CONNECT_TIMEOUT", "seconds to wait for peers",
            "--start-deadline, where that is not given; 120 to 7200"),
        ignored("HCCL_DETERMINISTIC", "bits that repeat", "bits always repeat here"),
        honoured("HCCL_EXEC_TIMEOUT", "seconds inside a collective", "--deadline, where that is not given; 0 is a day"),
        honoured(
            "HCCL_IF_IP", "address of the host", "this host's address for the others, where --address is not given"),
        ignored("HCCL_INTER_HCCS_DISABLE", "RDMA inside the SuperPoD", "planes of the machine are not emulated yet"),
        ignored("HCCL_INTRA_PCIE_ENABLE", "PCIe inside a server", "there is no PCIe between dies here"),
        ignored("HCCL_INTRA_ROCE_ENABLE", "RoCE inside a server", "there is no RoCE between dies here"),
        ignored("HCCL_LOGIC_SUPERPOD_ID", "logical SuperPoD of the process", "one machine is one SuperPoD here"),
        ignored("HCCL_OP_EXPANSION_MODE", "where operators are expanded", "operators run on the dies' own threads"),
        ignored(
            "HCCL_OP_RETRY_ENABLE", "repeat failed operators",
            "links repeat what was lost; what fails then ends the run"),
        honoured(
            "HCCL_SOCKET_IFNAME", "interface of the host", "the same, after HCCL_IF_IP: eth, =eth0, ^eth or ^=eth0"),
        honoured("RANK_ID", "rank of the process", "the rank of an Ascend launch"),
        honoured("RANK_SIZE", "ranks in all", "compared with the rank table of an Ascend launch"),
        honoured("RANK_TABLE_FILE", "the rank table", "with RANK_ID, an Ascend launch; see softpod ranktable"),
        honoured("SHMEM_UID_SESSION_ID", "where processes meet", "the rendezvous of an Ascend launch"),
        ignored("TASK_QUEUE_ENABLE", "asynchronous launch of operators", "there is no such queue here"),
        ignored("TP_SOCKET_IFNAME", "interface of another library", "that library is not used"),
    ]

    /// The variables of the table that are set, and HCCL variables that are not in it.
    public static func present(in environment: [String: String]) -> [AscendVariable] {
        let known = all.filter { environment[$0.name]?.isEmpty == false }
        let names = Set(all.map(\.name))
        let strange = environment.keys.filter { $0.hasPrefix("HCCL_") && !names.contains($0) }.sorted()
        return known + strange.map { ignored($0, "not known here", "SoftPod does not know it") }
    }

    /// `HCCL_CONNECT_TIMEOUT` in seconds; nil if it is not set.
    public static func connectSeconds(_ environment: [String: String]) throws(EnvironmentError) -> Int? {
        try Variables(environment).optionalNumber("HCCL_CONNECT_TIMEOUT", 120...7200)
    }

    /// `HCCL_EXEC_TIMEOUT` in seconds, in steps of 10 ms; nil if it is not set. 0, which means never, is a day: every wait ends.
    public static func executionSeconds(_ environment: [String: String]) throws(EnvironmentError) -> Double? {
        guard let text = Variables(environment)["HCCL_EXEC_TIMEOUT"] else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = (1...2).contains(parts.count) && parts.allSatisfy { Digits.value(of: $0) != nil }
        guard isPlain, let value = Double(text), value <= 86_400 else {
            throw .wrong("HCCL_EXEC_TIMEOUT must be a number of seconds from 0 to 86400, is \"\(text)\"")
        }
        let steps = (value * 100).rounded()
        guard value == 0 || steps >= 1 else {
            throw .wrong("HCCL_EXEC_TIMEOUT must be 0 or at least 0.01, is \"\(text)\"")
        }
        return value == 0 ? 86_400 : steps / 100
    }

    private static func honoured(_ name: String, _ meaning: String, _ how: String) -> AscendVariable {
        AscendVariable(name: name, meaning: meaning, treatment: .honoured(how))
    }

    private static func ignored(_ name: String, _ meaning: String, _ why: String) -> AscendVariable {
        AscendVariable(name: name, meaning: meaning, treatment: .ignored(why))
    }
}
