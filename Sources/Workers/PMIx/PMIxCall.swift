internal import SharedMemory
internal import Synchronization

/// A blocking call of the library on a thread of its own, so that a deadline holds even where the server keeps none.
enum PMIxCall {
    /// What the thread leaves behind. The lock orders the thread's writing before the caller's reading.
    private final class Answer<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// Runs a call to its end or to the deadline, whichever is first. A call that is late goes on by itself.
    static func run<Value: Sendable>(
        _ name: String, _ deadline: Deadline, _ body: @escaping @Sendable () -> Value
    ) throws(PMIxError) -> Value {
        let answer = Answer<Value>()
        let done: Event
        let worker: Worker
        do {
            let event = try Event()
            done = event
            // The library puts large buffers on the stack.
            worker = try Worker.start(name: "pmix", stackByteCount: 8 << 20) {
                let value = body()
                answer.value.withLock { $0 = value }
                event.raise()
            }
        } catch { throw PMIxError(.refused, "\(name): \(error)") }
        while true {
            if let value = answer.value.withLock({ $0 }) {
                worker.join()
                return value
            }
            let left = deadline.remaining
            guard left > 0 else { throw PMIxError(.deadline, "\(name) did not end in time") }
            _ = Descriptor.poll([done.descriptor.number], milliseconds: Int(clamping: left / 1_000_000 + 1))
        }
    }
}
