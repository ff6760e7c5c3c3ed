internal import Fabric
internal import Mutants
package import NodeRuntime
package import SharedMemory

/// What the coordinator of a cluster over several hosts and their agents tell each other, as one frame each.
///
/// ```
/// u32 magic "SPH1" | u8 version | u8 kind | fields by kind, little-endian, blocks counted by a u32
/// ```
///
/// Messages about a run carry its number, so that what is late is not taken for the next run's. A frame that is not whole, has another
/// magic or version, an unknown kind, a count beyond its limit, or bytes left over is refused. ``refused(_:)`` looks the same in every
/// version, so that builds that differ can tell each other so.
package enum HostMessage: Sendable, Equatable {
    // From an agent.

    /// An agent is there, and who it is.
    case hello(Introduction)
    /// The host's segment is made and its switch takes links at this address.
    case ready(run: UInt32, address: String)
    /// All rank processes of the host are there, and its switch runs.
    case connected(run: UInt32)
    /// A rank process of the host said this.
    case relayed(run: UInt32, ControlMessage)
    /// Something ends the run.
    case failed(run: UInt32, HostFailure)
    /// All dies of the host are done.
    case done(run: UInt32)
    /// The host has nothing left of the run.
    case ended(run: UInt32, HostReport)
    /// The agent lives.
    case alive
    /// The agent goes, and why.
    case farewell(String)
    /// The host's ranks are stopped, as ``pause(run:)`` asked.
    case paused(run: UInt32)

    // From the coordinator.

    /// The agent cannot be one of this cluster, and why; it goes.
    case refused(String)
    /// What the next run is.
    case assignment(run: UInt32, Assignment)
    /// Where the switches of all hosts take links, in the plan's order.
    case links(run: UInt32, [String])
    /// All hosts are connected: run this.
    case start(run: UInt32, workload: String, payload: [UInt8])
    /// The run is over: as it should be, or for this reason.
    case stop(run: UInt32, Verdict?)
    /// The ranks stop until ``resume(run:)``: the user has suspended the coordinator.
    case pause(run: UInt32)
    /// The ranks go on.
    case resume(run: UInt32)
    /// There will be no run, for this reason, which the user has been told and which is not this agent; it goes.
    case cancelled(String)
    /// There will be no more runs; the agent goes.
    case dismissed

    static let magic: UInt32 = 0x3148_5053
    package static let version: UInt8 = 6
    /// The most bytes of a sentence, an address and a name. Longer ones are cut when they are written: a report that is too long must
    /// not be one that no build can read.
    static let textLimit = 4096
    static let addressLimit = 512
    static let nameLimit = 255
    /// The kind whose layout no version changes.
    private static let refusedKind: UInt8 = 10

    /// The version a frame says it is of; nil if it is no frame of this protocol.
    static func version(of frame: [UInt8]) -> UInt8? {
        var reader = ByteReader(frame)
        guard reader.read(UInt32.self) == magic else { return nil }
        return reader.read(UInt8.self)
    }

    /// The frame.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.magic)
        writer.write(Self.version)
        writer.write(kind)
        writeFields(to: &writer)
        return writer.bytes
    }

    private var kind: UInt8 {
        switch self {
        case .hello: 1
        case .ready: 2
        case .connected: 3
        case .relayed: 4
        case .failed: 5
        case .done: 6
        case .ended: 7
        case .alive: 8
        case .farewell: 9
        case .refused: Self.refusedKind
        case .assignment: 11
        case .links: 12
        case .start: 13
        case .stop: 14
        case .dismissed: 15
        case .paused: 16
        case .pause: 17
        case .resume: 18
        case .cancelled: 19
        }
    }

    private func writeFields(to writer: inout ByteWriter) {
        switch self {
        case .hello(let introduction): introduction.write(to: &writer)
        case .ready(let run, let address):
            writer.write(run)
            writer.write(address, limit: Self.addressLimit)
        case .connected(let run), .done(let run), .paused(let run), .pause(let run), .resume(let run): writer.write(run)
        case .relayed(let run, let message):
            writer.write(run)
            writer.write(message.encoded)
        case .failed(let run, let failure):
            writer.write(run)
            failure.write(to: &writer)
        case .ended(let run, let report):
            writer.write(run)
            report.write(to: &writer)
        case .alive, .dismissed: break
        case .farewell(let text), .refused(let text), .cancelled(let text): writer.write(text, limit: Self.textLimit)
        case .assignment(let run, let assignment):
            writer.write(run)
            assignment.write(to: &writer)
        case .links(let run, let addresses):
            writer.write(run)
            writer.write(UInt32(addresses.count))
            for address in addresses { writer.write(address, limit: Self.addressLimit) }
        case .start(let run, let workload, let payload):
            writer.write(run)
            writer.write(workload, limit: Self.nameLimit)
            writer.write(payload)
        case .stop(let run, let verdict):
            writer.write(run)
            writer.write(UInt8(verdict == nil ? 0 : 1))
            verdict?.write(to: &writer)
        }
    }

    /// Reads a frame; nil if it is not exactly one message of this version.
    package init?(decoding frame: [UInt8]) {
        var reader = ByteReader(frame)
        guard reader.read(UInt32.self) == Self.magic, let version = reader.read(UInt8.self),
            let kind = reader.read(UInt8.self),
            version == Self.version || kind == Self.refusedKind || Mutated.protocolVersion,
            let message = Self.body(kind, &reader), reader.isAtEnd
        else { return nil }
        self = message
    }

    private static func body(_ kind: UInt8, _ reader: inout ByteReader) -> HostMessage? {
        switch kind {
        case 1: return Introduction(from: &reader).map { .hello($0) }
        case 8: return .alive
        case 9: return reader.readText(limit: textLimit).map { .farewell($0) }
        case refusedKind: return reader.readText(limit: textLimit).map { .refused($0) }
        case 15: return .dismissed
        case 19: return reader.readText(limit: textLimit).map { .cancelled($0) }
        default: break
        }
        guard let run = reader.read(UInt32.self) else { return nil }
        switch kind {
        case 2: return reader.readText(limit: addressLimit).map { .ready(run: run, address: $0) }
        case 3: return .connected(run: run)
        case 4: return reader.readBlock().flatMap { ControlMessage(decoding: $0) }.map { .relayed(run: run, $0) }
        case 5: return HostFailure(from: &reader).map { .failed(run: run, $0) }
        case 6: return .done(run: run)
        case 7: return HostReport(from: &reader).map { .ended(run: run, $0) }
        case 11: return Assignment(from: &reader).map { .assignment(run: run, $0) }
        case 12: return links(&reader).map { .links(run: run, $0) }
        case 13:
            guard let workload = reader.readText(limit: nameLimit), let payload = reader.readBlock() else { return nil }
            return .start(run: run, workload: workload, payload: payload)
        case 14:
            switch reader.read(UInt8.self) {
            case 0: return .stop(run: run, nil)
            case 1: return Verdict(from: &reader).map { .stop(run: run, $0) }
            default: return nil
            }
        case 16: return .paused(run: run)
        case 17: return .pause(run: run)
        case 18: return .resume(run: run)
        default: return nil
        }
    }

    private static func links(_ reader: inout ByteReader) -> [String]? {
        guard let count = reader.readCount(limit: LinkPlan.maximumHostCount) else { return nil }
        var links: [String] = []
        for _ in 0..<count {
            guard let address = reader.readText(limit: addressLimit) else { return nil }
            links.append(address)
        }
        return links
    }
}

extension ByteWriter {
    /// Appends a counted text, cut to at most so many bytes where a character ends.
    mutating func write(_ text: String, limit: Int) {
        guard text.utf8.count > limit else { return write(text) }
        var end = text.utf8.index(text.startIndex, offsetBy: limit)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        write(String(text[..<end]))
    }
}

extension ByteReader {
    /// The next counted text, if it is not longer than the limit. Control characters become question marks: it may end on a terminal.
    mutating func readText(limit: Int) -> String? {
        guard let block = readBlock(), block.count <= limit else { return nil }
        return String(decoding: block.map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
    }

    /// The next 32-bit number, if it is not above the limit.
    mutating func readCount(limit: Int) -> Int? {
        guard let count = read(UInt32.self), count <= limit else { return nil }
        return Int(count)
    }
}

extension Verdict {
    func write(to writer: inout ByteWriter) {
        writer.write(code.rawValue)
        writer.write(UInt64(bitPattern: Int64(rank ?? -1)))
        writer.write(UInt64(bitPattern: Int64(detail)))
        writer.write(UInt64(bitPattern: Int64(process ?? -1)))
        writer.write(text, limit: HostMessage.textLimit)
    }

    init?(from reader: inout ByteReader) {
        guard let code = reader.read(UInt64.self).flatMap({ Code(rawValue: $0) }), let rank = reader.read(UInt64.self),
            let detail = reader.read(UInt64.self), let process = reader.read(UInt64.self),
            let text = reader.readText(limit: HostMessage.textLimit)
        else { return nil }
        func optional(_ value: UInt64) -> Int? { Int64(bitPattern: value) < 0 ? nil : Int(value) }
        self.init(
            code, rank: optional(rank), detail: Int(Int64(bitPattern: detail)), process: optional(process), text: text)
    }
}
