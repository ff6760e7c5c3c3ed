#if SOFTPOD_TSAN
    internal import CLinux
#endif

/// Tells ThreadSanitizer of the order that messages make between threads: the library that carries them is not instrumented, so without
/// this every message of one thread to another would look like a race. Without the sanitizer nothing is left of it.
enum HandOver {
    /// What this thread did so far comes before whatever is done by those who take a message after this: said before a message, or a
    /// reference to one, is given away.
    @inline(__always)
    static func give() {
        #if SOFTPOD_TSAN
            softpod_announce_hand_over()
        #endif
    }

    /// What was done by those who gave a message away comes before what this thread does from here on: said after one has come, and
    /// before memory that others have read is given back.
    @inline(__always)
    static func take() {
        #if SOFTPOD_TSAN
            softpod_announce_take_over()
        #endif
    }
}
