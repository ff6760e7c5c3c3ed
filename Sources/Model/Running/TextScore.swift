internal import Glibc
internal import Kernels

/// How well a model predicts a given text: perplexity, top-1 accuracy, and agreement with another run.
///
/// The text is cut into windows without overlap. Each window stands alone: a token is predicted from the tokens of its
/// window before it, and the first token of a window by the window before it, as `golden.json` counts.
///
/// ```
/// while score.isRunning:  score.accept( transformer.forward(score.nextBatch(), …) )
/// ```
public struct TextScore: Sendable {
    private let tokens: [Int]
    private let window: Int
    private let vocabularySize: Int
    private var start = 0
    private var count = 0
    private var lossSum = 0.0
    private var hits = 0
    /// The likeliest token at each position but the last, by position of the token it predicts from.
    public private(set) var predictions: [Int] = []

    /// Scores these tokens in windows; traps unless there are two tokens and a window of at least one.
    public init(_ tokens: [Int], window: Int, vocabularySize: Int) {
        precondition(tokens.count >= 2 && window >= 1, "something to predict")
        self.tokens = tokens
        self.window = window
        self.vocabularySize = vocabularySize
    }

    /// Whether windows are left.
    public var isRunning: Bool { start < tokens.count - 1 }

    /// The rows of the next window; its number is the request's.
    public func nextBatch() -> [BatchRow] {
        (start..<min(start + window, tokens.count - 1)).map {
            BatchRow(request: start / window, position: $0 - start, token: tokens[$0])
        }
    }

    /// Counts the logits of the window, `[rows, vocabularySize]`; returns the request whose cache can go.
    ///
    /// - Throws: ``ModelError`` `.notFinite` naming the window and the position in it, where logits are not finite.
    @discardableResult
    public mutating func accept(_ logits: [Float]) throws(ModelError) -> Int {
        let rows = nextBatch().count
        precondition(logits.count == rows * vocabularySize, "logits for each row of the window")
        for row in 0..<rows {
            let part = logits.span.extracting(row * vocabularySize..<(row + 1) * vocabularySize)
            guard Dense.allFinite(part) else {
                throw ModelError.notFinite(part, request: start / window, position: row)
            }
            let best = Dense.argmax(part)
            let target = tokens[start + row + 1]
            var sum = 0.0
            for index in part.indices { sum += exp(Double(part[index]) - Double(part[best])) }
            lossSum += log(sum) + Double(part[best]) - Double(part[target])
            hits += best == target ? 1 : 0
            predictions.append(best)
        }
        count += rows
        start += window
        return start / window - 1
    }

    /// Tokens that were predicted so far.
    public var tokenCount: Int { count }
    /// The mean negative log-likelihood of a token, in nats; NaN before the first window.
    public var meanLoss: Double { lossSum / Double(count) }
    /// e to the mean negative log-likelihood; NaN before the first window.
    public var perplexity: Double { exp(lossSum / Double(count)) }
    /// Which share of the tokens was the likeliest.
    public var top1: Double { Double(hits) / Double(count) }

    /// At which share of positions two runs over the same text found the same token likeliest.
    public func agreement(with other: TextScore) -> Double {
        precondition(predictions.count == other.predictions.count && !predictions.isEmpty, "two runs over one text")
        return Double(zip(predictions, other.predictions).count { $0 == $1 }) / Double(predictions.count)
    }
}
