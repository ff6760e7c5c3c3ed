internal import CYAML

extension YAMLTree {
    /// Reads a text of one document, event by event, so that no more is ever held than the text says.
    ///
    /// Anchors, aliases and tags are refused where they stand: a few lines of aliases can stand for more values than memory holds, and
    /// a tag can make a number of a text.
    ///
    /// - Parameter maximumDepth: of values within values.
    /// - Returns: nil for a text without a document.
    /// - Throws: what YAML does not allow, as libyaml words it; a second document; a key that is there twice, or is no text; what
    ///   is nested deeper.
    public init?(reading text: String, maximumDepth: Int) throws(YAMLError) {
        let events = try EventReader(text)
        var open: [OpenValue] = []
        var root: YAMLTree?
        reading: while true {
            let event = try events.next()
            var finished: YAMLTree?
            switch event.kind {
            case .other: continue
            case .end: break reading
            case .document:
                guard root == nil else { throw YAMLError("holds a second document", line: event.line) }
            case .scalar(let text, let isPlain): finished = YAMLTree(.scalar(text, isPlain: isPlain), line: event.line)
            case .sequence, .mapping:
                guard open.count < maximumDepth else {
                    throw YAMLError("is nested deeper than \(maximumDepth)", line: event.line)
                }
                open.append(OpenValue(isMapping: event.kind == .mapping, line: event.line))
            case .close: finished = open.popLast()?.tree
            }
            // A value goes to the one it lies in; one that lies in none is the document.
            guard let finished else { continue }
            if open.isEmpty { root = finished } else { try open[open.count - 1].take(finished) }
        }
        guard let root else { return nil }
        self = root
    }
}

/// A sequence or mapping whose end has not come.
private struct OpenValue {
    let isMapping: Bool
    let line: Int
    private var values: [YAMLTree] = []
    private var members: [YAMLTree.Member] = []
    private var names: Set<String> = []
    private var key: (name: String, line: Int)?

    init(isMapping: Bool, line: Int) {
        self.isMapping = isMapping
        self.line = line
    }

    var tree: YAMLTree { YAMLTree(isMapping ? .mapping(members) : .sequence(values), line: line) }

    mutating func take(_ value: YAMLTree) throws(YAMLError) {
        guard isMapping else { return values.append(value) }
        // Keys and values come in turns.
        if let key {
            members.append(YAMLTree.Member(key.name, value, line: key.line))
            self.key = nil
            return
        }
        guard case .scalar(let name, _) = value.content else {
            throw YAMLError("a key must be a text", line: value.line)
        }
        guard names.insert(name).inserted else {
            // Without its name, which may be what the file keeps secret.
            throw YAMLError("a key is there twice", line: value.line)
        }
        key = (name, value.line)
    }
}

/// What libyaml finds in a text, one after the other.
private struct Event {
    enum Kind: Equatable {
        case document, sequence, mapping, close, end, other
        case scalar(String, isPlain: Bool)
    }

    var kind: Kind
    var line: Int
}

/// Owns a parser and the bytes it reads.
@safe
private final class EventReader {
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) throws(YAMLError) {
        // SAFETY: the parser keeps the address of the bytes, which live as long as it does.
        unsafe bytes = UnsafeMutableBufferPointer.allocate(capacity: max(text.utf8.count, 1))
        _ = unsafe bytes.initialize(fromContentsOf: text.utf8)  // The next free place, which nothing asks for.
        unsafe parser.initialize(to: yaml_parser_t())
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            throw YAMLError("cannot be read: there is no memory for a parser")
        }
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, text.utf8.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe bytes.deallocate()
    }

    func next() throws(YAMLError) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
        defer { unsafe yaml_event_delete(&event) }
        let line = unsafe Int(event.start_mark.line) + 1
        let kind: Event.Kind
        switch unsafe event.type {
        case YAML_STREAM_END_EVENT: kind = .end
        case YAML_DOCUMENT_START_EVENT: kind = .document
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .close
        case YAML_ALIAS_EVENT: throw YAMLError("anchors and aliases are not allowed", line: line)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            try unsafe refuse(anchor: scalar.anchor != nil, tag: scalar.tag != nil, line)
            let text = unsafe String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            kind = unsafe .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            try unsafe refuse(anchor: start.anchor != nil, tag: start.tag != nil, line)
            kind = .sequence
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            try unsafe refuse(anchor: start.anchor != nil, tag: start.tag != nil, line)
            kind = .mapping
        default: kind = .other
        }
        return Event(kind: kind, line: line)
    }

    private func refuse(anchor: Bool, tag: Bool, _ line: Int) throws(YAMLError) {
        if anchor { throw YAMLError("anchors and aliases are not allowed", line: line) }
        if tag { throw YAMLError("tags (a value that begins with !) are not allowed", line: line) }
    }

    /// What the parser says of itself.
    private var failure: YAMLError {
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "nothing is known"
        let rule = "is not YAML: \(problem)"
        return switch unsafe parser.pointee.error {
        case YAML_READER_ERROR: unsafe YAMLError(rule, offset: Int(parser.pointee.problem_offset))
        case YAML_MEMORY_ERROR: YAMLError("cannot be read: there is no memory for it")
        default: unsafe YAMLError(rule, line: Int(parser.pointee.problem_mark.line) + 1)
        }
    }
}
