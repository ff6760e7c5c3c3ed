/// A value of a YAML document as it is written, and the line on which it begins.
public struct YAMLTree: Sendable {
    /// The three kinds of values.
    public indirect enum Content: Sendable {
        /// A text. A plain one has no quotes, so that it may stand for a number; one written with them never does.
        case scalar(String, isPlain: Bool)
        /// Values in order.
        case sequence([YAMLTree])
        /// Keys and their values, in the order of the file.
        case mapping([Member])
    }

    /// A key, the line it stands on, and its value.
    public struct Member: Sendable {
        /// The key's text.
        public var key: String
        /// Where the key stands, from 1; 0 for one that was not read.
        public var line: Int
        /// What it stands for.
        public var value: YAMLTree

        /// A member; only one that was read has a line.
        public init(_ key: String, _ value: YAMLTree, line: Int = 0) {
            self.key = key
            self.line = line
            self.value = value
        }
    }

    /// What it is.
    public var content: Content
    /// Where it begins, from 1; 0 for one that was not read.
    public var line: Int

    /// A value; only one that was read has a line.
    public init(_ content: Content, line: Int = 0) {
        self.content = content
        self.line = line
    }
}

/// Why a text is no YAML, or none that is accepted here.
public struct YAMLError: Error {
    /// What is wrong, to follow the name of the file and the line.
    public let rule: String
    /// The line, from 1, where one is to blame.
    public let line: Int?
    /// The byte, from 0, where the text is not even UTF-8 that YAML allows.
    public let offset: Int?

    init(_ rule: String, line: Int? = nil, offset: Int? = nil) {
        self.rule = rule
        self.line = line
        self.offset = offset
    }
}
