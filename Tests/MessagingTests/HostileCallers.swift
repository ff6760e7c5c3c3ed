import Foundation
import Messaging

/// A TCP connection that says what it likes.
final class RawCaller {
    private let descriptor: Int32

    /// Calls `tcp://127.0.0.1:port`.
    init(address: String) throws {
        guard let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw NeverHappened(what: "a port in \(address)")
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = unsafe withUnsafeBytes(of: &place) { bytes in
            guard let start = bytes.baseAddress else { return Int32(-1) }
            return unsafe Foundation.connect(
                descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        guard code == 0 else { throw NeverHappened(what: "a connection to \(address)") }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        let count = unsafe Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard count == bytes.count else { throw NeverHappened(what: "\(bytes.count) bytes on their way") }
    }
}

/// What nobody ought to ask a gatekeeper.
enum ZAPQuestion {
    /// Some frames; now and then nearly right ones, never with a key on anybody's list.
    static func random(_ random: inout some RandomNumberGenerator) -> [[UInt8]] {
        func bytes(_ limit: Int) -> [UInt8] {
            (0..<Int.random(in: 0...limit, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        var frames = [
            Array("1.0".utf8), bytes(8), Array("softpod".utf8), bytes(80), bytes(8), Array("CURVE".utf8), key,
        ]
        switch Int.random(in: 0..<6, using: &random) {
        case 0: frames = (0..<Int.random(in: 1...40, using: &random)).map { _ in bytes(300) }
        case 1: frames.removeLast(Int.random(in: 1...6, using: &random))
        case 2: frames[Int.random(in: 0..<7, using: &random)] = bytes(2000)
        case 3: frames += (0..<Int.random(in: 1...9, using: &random)).map { _ in bytes(40) }
        case 4: frames.shuffle(using: &random)
        default: break
        }
        return frames
    }
}
