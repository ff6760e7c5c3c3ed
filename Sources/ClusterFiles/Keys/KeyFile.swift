public import Messaging
internal import SharedMemory

/// A host's key file: YAML with its CURVE key pair and the public keys of those it lets in.
///
/// ```
/// public: "..."   # 40 characters of Z85, in quotes
/// secret: "..."
/// allow:          # further public keys; may be missing
///   - "..."
/// ```
/// No error and no description tells anything of the secret.
public struct KeyFile: Sendable, Equatable {
    /// The most bytes a key file may have.
    public static let maximumByteCount = 64 << 10
    /// The most further keys; hosts beyond that share files.
    public static let maximumAllowCount = 1024

    /// This host's keys.
    public var pair: KeyPair
    /// Further public keys that are let in, in the order of the file.
    public var allow: [String]

    /// Keys with a list.
    public init(pair: KeyPair, allow: [String] = []) {
        self.pair = pair
        self.allow = allow
    }

    /// All keys that are admitted: the further keys, and this one, since hosts may share a file.
    public var allowedKeys: Set<String> { Set(allow).union([pair.publicKey]) }

    /// Reads and checks a file: a regular file of this user, of which group and others have no permission, and no symbolic link.
    ///
    /// - Throws: `.unreadable` if it cannot be opened, `.refused` with the line if it breaks a rule.
    public static func read(path: String) throws(ClusterFileError) -> KeyFile {
        let bytes: [UInt8]
        do { bytes = try PrivateFile.read(path: path, maximumByteCount: maximumByteCount) } catch {
            throw ClusterFileError(
                error.code == .badFile ? .unreadable : .refused, file: path, rule: error.description)
        }
        return try parse(TextFile(bytes: bytes, file: path))
    }

    /// Reads and checks a text.
    public static func parse(_ file: TextFile) throws(ClusterFileError) -> KeyFile {
        do {
            let keys = try QuotedKeys(file)
            let top = try Fields(try YAMLReader.read(keys.text), file: file.file)
            try top.refuseOthers(than: "public", "secret", "allow")
            return try KeyFile(top, keys)
        } catch {
            throw QuotedKeys.hidingLongWords(error)
        }
    }

    private static let shape = "must be \(KeyPair.keyLength) characters of Z85 in quotes"

    private init(_ top: Fields, _ keys: QuotedKeys) throws(ClusterFileError) {
        func key(_ name: String) throws(ClusterFileError) -> String {
            guard let node = top.node(name) else { throw top.missing(name) }
            guard case .string(let text) = node.value, KeyPair.isPublicKey(keys.word(text)) else {
                throw top.error(name, Self.shape)
            }
            return keys.word(text)
        }
        let own = try key("public")
        let secret = try key("secret")
        do { pair = try KeyPair(publicKey: own, secretKey: secret) } catch { throw top.error("secret", error.reason) }
        var seen: Set<String> = [own]
        var allow: [String] = []
        for (path, node) in try top.list("allow", limit: Self.maximumAllowCount) {
            func refuse(_ rule: String) -> ClusterFileError {
                ClusterFileError(file: top.file, line: node.line, place: path, rule: rule)
            }
            guard case .string(let text) = node.value, KeyPair.isPublicKey(keys.word(text)) else {
                throw refuse(Self.shape)
            }
            let word = keys.word(text)
            guard word != pair.secretKey else { throw refuse("is the secret key") }
            guard seen.insert(word).inserted else {
                throw refuse(word == own ? "is this file's own public key, which is let in anyway" : "is there twice")
            }
            allow.append(word)
        }
        self.allow = allow
    }

    /// The text of a key file, with comments that say what it is and how the other hosts get to know it.
    public static func text(_ pair: KeyPair, allow: [String] = []) -> String {
        let list = allow.isEmpty ? "allow: []\n" : "allow:\n" + allow.map { "  - \"\($0)\"\n" }.joined()
        return """
            # A SoftPod key file (CURVE). Keep it at mode 0600, and out of images and repositories: who has it is this host.
            # One file for all hosts of a cluster is enough: copy it to them over a channel you trust. For a file on each host, let each
            # write its own, and put the public keys of the others under allow; the secret never leaves its host then.
            public: "\(pair.publicKey)"
            # Nobody else's business: not in arguments, not in logs, not in mail.
            secret: "\(pair.secretKey)"
            # Further public keys that are let in, one a line. This file's own is let in anyway.
            \(list)
            """
    }
}
