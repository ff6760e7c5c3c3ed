internal import SharedMemory

// What must be true of a request before it is sent or carried out. The switch that takes it from a ring and the one that carries it
// out use the same rules, so that a die that posts nonsense does not look like a host that breaks the protocol.

extension LinkRecord {
    /// Why a request on a window of this size cannot be; nil if it can.
    func fault(windowByteCount window: Int) -> String? {
        let length = Int(byteCount)
        switch LinkOperation(rawValue: operation) {
        case .put:
            let limit = place == Place.operands.rawValue ? 16 : LinkLimits.attachmentByteCount
            guard length <= limit else { return "a put of \(length) bytes" }
            return lies(length, in: window) ? nil : outside(length)
        case .get:
            guard length <= LinkLimits.attachmentByteCount else { return "a get of \(length) bytes" }
            return lies(length, in: window) ? nil : outside(length)
        case .putStrided where place == Place.operands.rawValue: return "a strided put without a payload"
        case .putStrided, .getStrided: return strideFault(window)
        case .signal:
            guard SignalOperation(rawValue: detail) != nil else { return "an unknown signal" }
            return lies(8, in: window, alignment: 8) ? nil : outside(8)
        case .atomic64, .atomic32:
            guard AtomicOperation(rawValue: detail) != nil else { return "an unknown atomic" }
            let width = operation == LinkOperation.atomic64.rawValue ? 8 : 4
            guard hasPlaceForValue(windowByteCount: window) || width == 8 && token == ReplyPlace.nowhere else {
                return "an atomic whose answer fits nowhere"
            }
            return lies(width, in: window, alignment: UInt64(width)) ? nil : outside(width)
        case .awaited: return token == 0 ? nil : "a question whose answer fits nowhere"
        case .bytesReply, .valueReply, .verdict, nil: return "no request"
        }
    }

    /// Elements lie in the window, do not overlap, and fit one message. Written so that nothing overflows.
    private func strideFault(_ window: Int) -> String? {
        let count = Int(count)
        let element = Int(elementByteCount)
        guard element > 0, count > 0, stride >= UInt64(element), stride <= UInt64(window),
            element <= LinkLimits.inlineByteCount, count <= LinkLimits.inlineByteCount / element,
            Int(byteCount) == count * element, count - 1 <= window / Int(stride)
        else { return "strided elements that cannot be" }
        let extent = (count - 1) * Int(stride) + element
        return lies(extent, in: window) ? nil : outside(extent)
    }

    private func lies(_ length: Int, in window: Int, alignment: UInt64 = 1) -> Bool {
        length <= window && offset <= UInt64(window - length) && offset % alignment == 0
    }

    private func outside(_ length: Int) -> String { "an operation outside the window: \(length) bytes at \(offset)" }

    /// Whether the place that the token names holds an old value: the switch's line, or a whole word of the window.
    func hasPlaceForValue(windowByteCount: Int) -> Bool {
        let offset = token & ~ReplyPlace.word
        return token == 0
            || token & ReplyPlace.word != 0 && offset % 8 == 0 && offset <= UInt64(windowByteCount - 8)
    }

    /// Whether the place that the token names holds so many bytes of an answer.
    func hasPlaceForReply(_ length: Int, windowByteCount: Int) -> Bool {
        let room = token & ReplyPlace.staging != 0 ? PortLayout.stagingByteCount : windowByteCount
        return length <= room && token & ~ReplyPlace.staging <= UInt64(room - length)
    }
}
