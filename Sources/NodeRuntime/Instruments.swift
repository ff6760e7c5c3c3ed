public import Faults
internal import FoundationEssentials

/// What a run has besides its workload: faults to inject, histories to write, and check words. It travels to agents and ranks before they begin.
public struct Instruments: Sendable, Codable, Equatable {
    /// Faults, with everything drawn.
    public var faults: [ScheduledFault] = []
    /// The folder for histories, one file a rank; nil for none.
    public var historyFolder: String?
    /// Bytes of an encoding that are read at most.
    package static let mostBytes = 1 << 20

    /// Whether what dies send each other has check words.
    public var integrity = false

    /// None.
    public init() {}

    /// Whether there are none, so that nothing is sent, attached or looked at.
    public var isEmpty: Bool { faults.isEmpty && historyFolder == nil && !integrity }

    /// As it travels; no bytes for none.
    package var encoded: [UInt8] {
        guard !isEmpty else { return [] }
        let data = try? JSONEncoder().encode(self)  // Numbers and texts can always be encoded.
        return data.map(Array.init) ?? []
    }

    /// Nil for bytes that are none.
    package init?(decoding bytes: [UInt8]) {
        guard bytes.count <= Self.mostBytes else { return nil }
        guard !bytes.isEmpty else { return }
        let value = try? JSONDecoder().decode(Self.self, from: Data(bytes))  // From outside: nil refuses.
        guard let value else { return nil }
        self = value
    }
}

/// A line of a run's timeline: what was injected, who noticed what, what was decided.
public struct RunNote: Sendable, Equatable {
    /// What a note is about.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A rank has come to the place where the agent is to inject a fault.
        case due = 1
        /// A fault was injected.
        case injected
        /// A rank or an agent noticed that something is wrong.
        case noticed
        /// What follows: the verdict, and the epoch.
        case decided
    }

    /// What it is about.
    public var kind: Kind
    /// Nanoseconds since the ranks of its host were told to begin.
    public var nanoseconds: UInt64
    /// The fault's number in the plan; 0 where it is about none.
    public var fault: Int
    /// One sentence.
    public var text: String

    /// A note.
    public init(_ kind: Kind, at nanoseconds: UInt64, fault: Int = 0, text: String) {
        self.kind = kind
        self.nanoseconds = nanoseconds
        self.fault = fault
        self.text = text
    }

    func write(to writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(nanoseconds)
        writer.write(UInt32(clamping: fault))
        writer.write(text)
    }

    init?(from reader: inout ByteReader) {
        guard let kind = reader.read(UInt8.self).flatMap(Kind.init(rawValue:)),
            let nanoseconds = reader.read(UInt64.self), let fault = reader.read(UInt32.self),
            let text = reader.readText()
        else { return nil }
        self.init(kind, at: nanoseconds, fault: Int(fault), text: text)
    }
}
