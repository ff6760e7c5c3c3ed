internal import CLinux
internal import Glibc
internal import SharedMemory
internal import Workers

/// The second lane of a die: a thread that copies between mapped windows while the die's own thread moves something else.
///
/// The real vector core has a queue for reads and one for writes; a die with one thread takes turns between them, a die with two
/// lanes lets the second do the reads. It pays where cores are to spare; where ranks outnumber them it only takes turns.
///
/// One copy at a time: ``begin(from:at:byteCount:to:at:)``, then ``finish()``, by the die's own thread. Both ends are threads of one
/// process, so neither can die without the other, and a copy ends by itself: there is no deadline.
@safe
public final class Lane {
    /// What the two threads share, each line written by one of them: the request and its arguments by the die; done by the lane.
    @safe
    private final class Mailbox: @unchecked Sendable {
        let words: UnsafeMutableRawPointer
        let transport: SharedMemoryTransport

        init(_ transport: SharedMemoryTransport) {
            self.transport = transport
            unsafe words = UnsafeMutableRawPointer.allocate(byteCount: 192, alignment: 64)
            unsafe words.initializeMemory(as: UInt8.self, repeating: 0, count: 192)
        }

        deinit { unsafe words.deallocate() }

        /// Requests so far; all ones: stop. Its low half is what the lane sleeps on.
        var request: Word { unsafe Word(words) }
        func argument(_ index: Int) -> Word { unsafe Word(words + 8 + 8 * index) }
        /// Requests carried out.
        var done: Word { unsafe Word(words + 64) }
        /// Whether the lane may be asleep.
        var asleep: Word { unsafe Word(words + 128) }
    }

    private let mailbox: Mailbox
    private let worker: Worker
    private let endpoint: Endpoint
    private var requests: UInt64 = 0

    /// Starts the thread.
    ///
    /// - Throws: `.unsupported` when the system has no thread to give.
    public init(_ endpoint: Endpoint) throws(FabricError) {
        let mailbox = Mailbox(endpoint.shared)
        self.mailbox = mailbox
        self.endpoint = endpoint
        do {
            worker = try Worker.start(name: "lane \(endpoint.rank)") { Self.run(mailbox) }
        } catch {
            throw FabricError(
                .unsupported, scope: .operation, operation: .get, rank: endpoint.rank,
                context: "no thread for a second lane: \(error)")
        }
    }

    deinit {
        send(UInt64.max)
        worker.join()
    }

    /// Lets the lane copy bytes from one mapped window into another. The copy before it must have been finished.
    public func begin(from peer: Rank, at offset: Int, byteCount: Int, to target: Rank, at destination: Int) {
        endpoint.check(peer, offset, byteCount)
        endpoint.check(target, destination, byteCount)
        let isMapped = endpoint.reach(.get, peer, offset, byteCount)
        precondition(isMapped && endpoint.isNear(target), "a lane copies between mapped windows")
        requests &+= 1
        for (index, value) in [peer.index, offset, byteCount, target.index, destination].enumerated() {
            mailbox.argument(index).storeRelaxed(UInt64(value))
        }
        send(requests)
    }

    /// Waits until the copy has ended; what it wrote is visible.
    public func finish() {
        var looks = 0
        // Acquires what the lane wrote.
        while mailbox.done.loadAcquiring() != requests {
            looks += 1
            if looks < 1000 { softpod_pause() } else { sched_yield() }
        }
    }

    /// Releases the arguments. Sequential, because the lane says that it sleeps and then looks at the request.
    private func send(_ number: UInt64) {
        mailbox.request.storeSequentially(number)
        if mailbox.asleep.loadSequentially() != 0 {
            _ = unsafe softpod_futex_wake(mailbox.words, 1)  // No sleeper is as good as one woken.
        }
    }

    private static func run(_ mailbox: Mailbox) {
        var seen: UInt64 = 0
        while true {
            var looks = 0
            // Acquires the arguments.
            var next = mailbox.request.loadAcquiring()
            while next == seen {
                looks += 1
                if looks < 2000 {
                    softpod_pause()
                } else {
                    mailbox.asleep.storeSequentially(1)
                    if mailbox.request.loadSequentially() == seen {
                        // A return without cause is harmless: the request is looked at again.
                        _ = unsafe softpod_futex_wait(mailbox.words, UInt32(truncatingIfNeeded: seen), -1)
                    }
                    mailbox.asleep.storeRelaxed(0)
                }
                next = mailbox.request.loadAcquiring()
            }
            if next == UInt64.max { return }
            seen = next
            func value(_ index: Int) -> Int { Int(mailbox.argument(index).loadRelaxed()) }
            mailbox.transport.copy(
                from: Rank(value(0)), value(1), to: Rank(value(3)), value(4), byteCount: value(2))
            // Releases what was copied.
            mailbox.done.storeReleasing(seen)
        }
    }
}
