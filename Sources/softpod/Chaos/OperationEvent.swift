internal import Experts
internal import Fabric
internal import FoundationEssentials

/// What a die says of one operation of a run under faults: that it begins, and what came of it.
struct OperationEvent: Codable, Sendable, Equatable {
    enum State: String, Codable, Sendable {
        case begun, right, wrong, failed
    }

    /// The operation's number, from 0, the same at all dies.
    var number: Int
    /// Its name.
    var name: String
    var state: State
    /// What is wrong first, or the error's sentence.
    var detail: String?
    /// Of a failure: its code, the ranks it blames, and its epoch.
    var code: String?
    var peers: [Int] = []
    var epoch: UInt64 = 0
    /// Ranks that took part, where a run goes on without those lost; choices that were masked, and the least share of its weight that a
    /// token had left.
    var members: [Int] = []
    var masked = 0
    var share: Float = 1
    /// Nanoseconds since the die began it.
    var elapsed: UInt64 = 0

    /// The bytes.
    var encoded: [UInt8] {
        let data = try? JSONEncoder().encode(self)  // Numbers and texts can always be encoded.
        return data.map(Array.init) ?? []
    }

    init(_ number: Int, _ name: String, _ state: State) {
        self.number = number
        self.name = name
        self.state = state
    }

    /// Nil for bytes that are none: another workload's events.
    init?(decoding bytes: [UInt8]) {
        let event = try? JSONDecoder().decode(Self.self, from: Data(bytes))  // Of another workload: nil says so.
        guard let event else { return nil }
        self = event
    }
}
