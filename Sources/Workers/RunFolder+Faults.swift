internal import Glibc
internal import SharedMemory

extension RunFolder {
    /// Makes a folder as an agent leaves it that is killed before its ranks have connected: for fault plans. The next ``create(in:)`` removes it.
    public static func plantAbandoned() {
        let path = parent + "/" + prefix + "stale\(Monotonic.now())"
        guard unsafe mkdir(path, 0o700) == 0 else { return }
        for name in ["agent", "lock"] {
            let file = unsafe open(path + "/" + name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
            if file >= 0 { _ = close(file) }  // Nothing was written.
        }
    }
}
