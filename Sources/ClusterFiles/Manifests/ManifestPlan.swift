public import Topology

/// What a manifest describes: one container a host, each with the dies of that host.
public struct ManifestPlan: Sendable, Equatable {
    /// The name of the whole, a DNS label.
    public var name: String
    /// Host names and dies.
    public var plan: HostPlan
    /// The container image.
    public var image: String
    /// What each container runs.
    public var command: [String]
    /// Port of the rendezvous, on the first host.
    public var port: Int
    /// Bytes of the container's /dev/shm.
    public var sharedMemoryByteCount: Int

    /// Takes the fields after a check of each.
    ///
    /// - Throws: ``ManifestError`` for a name that is no DNS label of at most 40 characters (the engines add to it), a host's name that
    ///   is none, an image or command that cannot be, or a number out of range.
    public init(
        name: String, plan: HostPlan, image: String, command: [String], port: Int, sharedMemoryByteCount: Int
    ) throws(ManifestError) {
        guard Self.isLabel(name), name.utf8.count <= 40 else {
            throw ManifestError(
                "the name \"\(Printable.line(name))\" must be at most 40 lower-case letters, digits and inner hyphens")
        }
        for host in plan.hosts where !Self.isLabel(host.name) {
            throw ManifestError(
                "the host \"\(host.name)\" cannot name a container: lower-case letters, digits and inner hyphens, at most 63"
            )
        }
        guard (1...255).contains(image.utf8.count), image.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ManifestError("the image must have 1 to 255 printable characters without spaces")
        }
        guard !command.isEmpty, command.allSatisfy({ $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } }) else {
            throw ManifestError("the command must have one word at least, and no control characters")
        }
        guard (1...65_535).contains(port) else { throw ManifestError("the port must be 1 to 65535, not \(port)") }
        guard (1 << 20...1 << 44).contains(sharedMemoryByteCount) else {
            throw ManifestError("shared memory must be 1 MiB to 16 TiB, not \(sharedMemoryByteCount) bytes")
        }
        self.name = name
        self.plan = plan
        self.image = image
        self.command = command
        self.port = port
        self.sharedMemoryByteCount = sharedMemoryByteCount
    }

    /// Whether a text is a DNS label (RFC 1123).
    public static func isLabel(_ text: String) -> Bool {
        let isInner = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
        }
        return (1...63).contains(text.utf8.count) && text.utf8.allSatisfy(isInner) && !text.hasPrefix("-")
            && !text.hasSuffix("-")
    }

    /// Dies of each host where all have the same number; engines that make copies of one pod need that.
    func equalDies(_ engine: String) throws(ManifestError) -> Int {
        let counts = Set(plan.hosts.map(\.ranks.count))
        guard counts.count == 1, let dies = counts.first else {
            throw ManifestError("\(engine) makes equal pods, but the hosts run \(counts.sorted()) dies")
        }
        return dies
    }
}

/// Why a manifest was not written.
public struct ManifestError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What is wrong.
    public var description: String

    init(_ description: String) { self.description = description }
}
