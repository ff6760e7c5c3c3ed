/// The tokens that are found in a text before it is cut into pieces: the longest at the leftmost place wins.
struct AddedTokens: Sendable {
    private struct Node: Sendable {
        var children: [UInt8: Int32] = [:]
        var token: Int32 = -1
    }

    private var nodes = [Node()]

    /// Bytes an added token may have, so that finding them stays linear in the text.
    static let maximumByteCount = 1024

    mutating func insert(_ content: String, _ token: Int) {
        var node = 0
        for byte in content.utf8 {
            if let child = nodes[node].children[byte] {
                node = Int(child)
            } else {
                nodes.append(Node())
                nodes[node].children[byte] = Int32(nodes.count - 1)
                node = nodes.count - 1
            }
        }
        nodes[node].token = Int32(token)
    }

    /// Cuts a text at the added tokens; each part is text before one, and the one, if any.
    func split(_ text: String) -> [(text: Substring, token: Int?)] {
        guard !nodes[0].children.isEmpty else { return [(text[...], nil)] }
        var parts: [(Substring, Int?)] = []
        var start = text.startIndex
        var position = text.startIndex
        let bytes = text.utf8
        while position < bytes.endIndex {
            guard let (token, end) = match(bytes, from: position) else {
                position = bytes.index(after: position)
                continue
            }
            parts.append((text[start..<position], token))
            start = end
            position = end
        }
        parts.append((text[start...], nil))
        return parts
    }

    private func match(_ bytes: String.UTF8View, from start: String.Index) -> (Int, String.Index)? {
        var node = 0
        var position = start
        var found: (Int, String.Index)?
        while position < bytes.endIndex, let child = nodes[node].children[bytes[position]] {
            node = Int(child)
            position = bytes.index(after: position)
            if nodes[node].token >= 0 { found = (Int(nodes[node].token), position) }
        }
        return found
    }
}
