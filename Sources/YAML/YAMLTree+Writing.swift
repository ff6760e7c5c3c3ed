internal import CYAML

extension YAMLTree {
    /// The document in block style, lines as long as they come. Texts that are not plain are in double quotes.
    ///
    /// - Throws: what libyaml cannot write, in its words.
    public func text() throws(YAMLError) -> String {
        let writer = try EventWriter()
        try unsafe writer.emit { event in unsafe yaml_stream_start_event_initialize(event, YAML_UTF8_ENCODING) }
        try unsafe writer.emit { event in unsafe yaml_document_start_event_initialize(event, nil, nil, nil, 1) }
        try write(to: writer)
        try unsafe writer.emit { event in unsafe yaml_document_end_event_initialize(event, 1) }
        try unsafe writer.emit { event in unsafe yaml_stream_end_event_initialize(event) }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func write(to writer: EventWriter) throws(YAMLError) {
        switch content {
        case .scalar(let text, let isPlain):
            let bytes = Array(text.utf8)
            try unsafe writer.emit { event in
                unsafe bytes.withUnsafeBufferPointer { bytes in
                    // A buffer without bytes has no address, and libyaml asks for one.
                    var nothing: UInt8 = 0
                    return unsafe withUnsafePointer(to: &nothing) { nothing in
                        unsafe yaml_scalar_event_initialize(
                            event, nil, nil, bytes.baseAddress ?? nothing, Int32(clamping: bytes.count), 1, 1,
                            isPlain ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE)
                    }
                }
            }
        case .sequence(let values):
            try unsafe writer.emit { event in
                unsafe yaml_sequence_start_event_initialize(event, nil, nil, 1, YAML_BLOCK_SEQUENCE_STYLE)
            }
            for value in values { try value.write(to: writer) }
            try unsafe writer.emit { event in unsafe yaml_sequence_end_event_initialize(event) }
        case .mapping(let members):
            try unsafe writer.emit { event in
                unsafe yaml_mapping_start_event_initialize(event, nil, nil, 1, YAML_BLOCK_MAPPING_STYLE)
            }
            for member in members {
                try YAMLTree(.scalar(member.key, isPlain: true)).write(to: writer)
                try member.value.write(to: writer)
            }
            try unsafe writer.emit { event in unsafe yaml_mapping_end_event_initialize(event) }
        }
    }
}

/// Owns an emitter, and what it has written.
@safe
private final class EventWriter {
    private let emitter = UnsafeMutablePointer<yaml_emitter_t>.allocate(capacity: 1)
    private(set) var bytes: [UInt8] = []

    init() throws(YAMLError) {
        unsafe emitter.initialize(to: yaml_emitter_t())
        guard unsafe yaml_emitter_initialize(emitter) == 1 else { throw YAMLError("there is no memory for an emitter") }
        unsafe yaml_emitter_set_width(emitter, -1)
        // SAFETY: the emitter is deleted before this object goes.
        unsafe yaml_emitter_set_output(
            emitter,
            { writer, buffer, count in
                guard let writer = unsafe writer, let buffer = unsafe buffer else { return 0 }
                unsafe Unmanaged<EventWriter>.fromOpaque(writer).takeUnretainedValue().bytes += UnsafeBufferPointer(
                    start: buffer, count: count)
                return 1
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        unsafe yaml_emitter_delete(emitter)
        unsafe emitter.deallocate()
    }

    /// Makes an event and passes it on; the emitter deletes it.
    func emit(_ make: (UnsafeMutablePointer<yaml_event_t>) -> Int32) throws(YAMLError) {
        var event = unsafe yaml_event_t()
        guard unsafe make(&event) == 1, unsafe yaml_emitter_emit(emitter, &event) == 1 else {
            throw YAMLError(unsafe emitter.pointee.problem.map { unsafe String(cString: $0) } ?? "no memory")
        }
    }
}
