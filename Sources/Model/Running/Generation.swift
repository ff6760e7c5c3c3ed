internal import Kernels

/// What is to be continued, and how far.
public struct GenerationRequest: Sendable, Equatable {
    /// The request's number: it names the cache and, with the seed, decides the random numbers.
    public var number: Int
    /// The tokens to continue; at least one.
    public var prompt: [Int]
    /// How many tokens to add at most.
    public var maximumTokens: Int
    /// Tokens that end the text.
    public var endTokens: Set<Int>
    /// Tokens that were chosen already, as by a die that goes on with a text in another placement: they come first, and count.
    public var chosen: [Int]

    /// A request to continue a prompt.
    public init(number: Int, prompt: [Int], maximumTokens: Int, endTokens: Set<Int> = [], chosen: [Int] = []) {
        self.number = number
        self.prompt = prompt
        self.maximumTokens = maximumTokens
        self.endTokens = endTokens
        self.chosen = chosen
    }
}

/// A token that has just been chosen.
public struct GeneratedToken: Sendable, Equatable {
    /// The request it belongs to.
    public var request: Int
    /// The token.
    public var token: Int
    /// Which of the request's chosen tokens it is, from 0.
    public var index: Int
    /// Whether the request is done, so that its cache can go.
    public var isLast: Bool
}

/// The requests of one die on their way from prompt to text, as a value: what to run next, and what came of it.
///
/// ```
/// while generation.isRunning (or any other die's is):
///     batch  = generation.nextBatch()         prompts in chunks, and one row for each text under way
///     logits = transformer.forward(batch, …)
///     tokens = try generation.accept(logits)
/// ```
public struct Generation: Sendable {
    private struct Text: Sendable {
        let request: GenerationRequest
        /// Prompt and chosen tokens.
        var tokens: [Int]
        /// How many of them have been through the model.
        var done = 0
        var remaining: Int
    }

    private let sampler: Sampler
    private let vocabularySize: Int
    private let rowLimit: Int
    private let textLimit: Int
    private var waiting: [GenerationRequest]
    private var active: [Text] = []
    private var batch: [BatchRow] = []

    /// Requests that are taken up in their order.
    ///
    /// - Parameters:
    ///   - sampler: how tokens are chosen.
    ///   - vocabularySize: logits a row.
    ///   - rowLimit: rows a batch has at most, so prompts longer than this come in chunks.
    ///   - textLimit: texts under way at the same time.
    public init(
        _ requests: [GenerationRequest], sampler: Sampler, vocabularySize: Int, rowLimit: Int = 256, textLimit: Int = 64
    ) {
        precondition(rowLimit >= textLimit && textLimit > 0, "a row for each text under way")
        for request in requests { precondition(!request.prompt.isEmpty, "a prompt has a token or more") }
        waiting = Array(requests.filter { $0.maximumTokens > $0.chosen.count }.reversed())
        self.sampler = sampler
        self.vocabularySize = vocabularySize
        self.rowLimit = rowLimit
        self.textLimit = textLimit
    }

    /// Whether there is anything left to run.
    public var isRunning: Bool { !waiting.isEmpty || !active.isEmpty }

    /// The rows of the next step; none when all is done.
    public mutating func nextBatch() -> [BatchRow] {
        while active.count < textLimit, let request = waiting.popLast() {
            active.append(
                Text(
                    request: request, tokens: request.prompt + request.chosen,
                    remaining: request.maximumTokens - request.chosen.count))
        }
        batch = []
        // Each text keeps a row; what is left over goes to prompts, first come, first served.
        var spare = rowLimit - active.count
        for text in active {
            let count = min(text.tokens.count - text.done, 1 + spare)
            spare -= count - 1
            for position in text.done..<text.done + count {
                batch.append(
                    BatchRow(
                        request: text.request.number, position: position, token: text.tokens[position],
                        wantsLogits: position == text.tokens.count - 1))
            }
        }
        return batch
    }

    /// Chooses a token for each row of the last batch that wanted logits.
    ///
    /// - Parameter logits: what the step gave, `[rows that wanted them, vocabularySize]`.
    /// - Throws: ``ModelError`` `.notFinite` naming request and position, where logits are not finite.
    public mutating func accept(_ logits: [Float]) throws(ModelError) -> [GeneratedToken] {
        var chosen: [GeneratedToken] = []
        var used = 0
        var row = 0
        for index in active.indices {
            let number = active[index].request.number
            while row < batch.count, batch[row].request == number {
                active[index].done += 1
                if batch[row].wantsLogits {
                    let part = logits.span.extracting(used * vocabularySize..<(used + 1) * vocabularySize)
                    let position = batch[row].position
                    guard Dense.allFinite(part) else {
                        throw ModelError.notFinite(part, request: number, position: position)
                    }
                    let token = sampler.choose(part, request: number, position: position)
                    used += 1
                    let place = active[index].tokens.count - active[index].request.prompt.count
                    active[index].tokens.append(token)
                    active[index].remaining -= 1
                    let isLast =
                        active[index].remaining == 0 || active[index].request.endTokens.contains(token)
                    if isLast { active[index].remaining = 0 }
                    chosen.append(GeneratedToken(request: number, token: token, index: place, isLast: isLast))
                }
                row += 1
            }
        }
        active.removeAll { $0.remaining == 0 }
        batch = []
        return chosen
    }
}
