public import SharedMemory

// The typed forms: whole values instead of bytes.

extension ChannelSender {
    /// Sends values through the ring; as the form with bytes.
    public func send<Value: BitwiseCopyable>(
        _ values: Span<Value>, operation: UInt32 = 0, target: Rank? = nil, origin: Rank? = nil,
        deadline: Deadline? = nil
    ) throws(FabricError) {
        // SAFETY: only whole values are copied, padding included, and nobody interprets the bytes here.
        try unsafe send(values.bytes, operation: operation, target: target, origin: origin, deadline: deadline)
    }
}

extension ChannelReceiver {
    /// Waits for the next message and copies it out; returns its bytes. As the form with bytes.
    public func receive<Value: BitwiseCopyable>(
        into values: inout MutableSpan<Value>, deadline: Deadline? = nil
    ) throws(FabricError) -> Int {
        // SAFETY: any bytes are a valid plain value of the types the fabric carries.
        var bytes = unsafe values.mutableBytes
        return try receive(into: &bytes, deadline: deadline)
    }
}

extension LineSender {
    /// Sends values; as the form with bytes.
    public func send<Value: BitwiseCopyable>(
        _ values: Span<Value>, deadline: Deadline? = nil
    ) throws(FabricError) {
        // SAFETY: as on a channel.
        try unsafe send(values.bytes, deadline: deadline)
    }
}

extension LineReceiver {
    /// Waits for the next message and copies it out; returns its bytes. As the form with bytes.
    public func receive<Value: BitwiseCopyable>(
        into values: inout MutableSpan<Value>, deadline: Deadline? = nil
    ) throws(FabricError) -> Int {
        // SAFETY: as on a channel.
        var bytes = unsafe values.mutableBytes
        return try receive(into: &bytes, deadline: deadline)
    }
}

extension RelayStaging {
    /// Adds a piece of values; as the form with bytes.
    public func add<Value: BitwiseCopyable>(
        _ piece: Span<Value>, to destination: Int, deadline: Deadline? = nil
    ) throws(FabricError) {
        // SAFETY: as on a channel.
        try unsafe add(piece.bytes, to: destination, deadline: deadline)
    }
}
