/// One token of one request in a step of the model.
///
/// A batch may mix prefill chunks and decode rows of any requests. Rows of one request stand together, in ascending
/// positions that follow what the request's cache holds.
public struct BatchRow: Sendable, Equatable {
    /// The request, whose cache the row extends and attends to.
    public var request: Int
    /// The token's place in its request's text, from 0.
    public var position: Int
    /// The token.
    public var token: Int
    /// Whether the step shall give the logits after this token.
    public var wantsLogits: Bool

    /// A row of a batch.
    public init(request: Int, position: Int, token: Int, wantsLogits: Bool = true) {
        self.request = request
        self.position = position
        self.token = token
        self.wantsLogits = wantsLogits
    }
}

extension [BatchRow] {
    /// The runs of rows that belong to one request, in order.
    public var runs: [Range<Int>] {
        var runs: [Range<Int>] = []
        var start = 0
        for index in indices where index + 1 == count || self[index + 1].request != self[index].request {
            runs.append(start..<index + 1)
            start = index + 1
        }
        return runs
    }
}
