/// What a coordinator tells the agents in the place of an invitation if it ends before there is anything to come to: without it they would
/// wait until their deadline. Why is the coordinator's to tell the user.
public struct Withdrawal: Sendable, Equatable {
    /// Why there is no run, in one line; empty if none was needed.
    public var reason: String

    private static let mark = Array("withdrawn: ".utf8)
    private static let limit = 1024

    /// A withdrawal; of the reason, the first line.
    public init(reason: String) {
        let line = reason.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        self.reason = String(line.prefix(Self.limit))
    }

    /// As it is published; no ``Invitation`` reads like it.
    public var encoded: [UInt8] { Self.mark + Array(reason.utf8) }

    /// Reads what was published; nil if it is no withdrawal.
    public init?(decoding bytes: [UInt8]) {
        guard bytes.starts(with: Self.mark), bytes.count <= Self.mark.count + 4 * Self.limit else { return nil }
        self.init(reason: String(decoding: bytes.dropFirst(Self.mark.count), as: UTF8.self))
    }
}
