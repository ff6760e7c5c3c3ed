internal import Hashing
internal import Kernels

/// Chooses the next token from logits: greedily, or at a temperature from the likeliest tokens.
///
/// The random number of a choice comes from the seed, the request and the position alone, so the text does not depend on
/// batching, on the number of dies, or on what other requests do.
public struct Sampler: Sendable, Equatable {
    /// 0 chooses the likeliest token; 1 samples the model's own distribution; more is more even.
    public let temperature: Double
    /// Only the likeliest tokens whose probabilities reach this sum may be chosen, at least one.
    public let topP: Double
    /// What tells one run from another.
    public let seed: UInt64

    /// The likeliest token, always.
    public static let greedy = Sampler(unchecked: 0, 1, 0)

    /// Checks the parameters.
    ///
    /// - Throws: ``ModelError`` `.badSampling` unless 0 <= temperature <= 100 and 0 < topP <= 1.
    public init(temperature: Double, topP: Double = 1, seed: UInt64 = 0) throws(ModelError) {
        guard (0...100).contains(temperature) else {
            throw ModelError(.badSampling, "a temperature of \(temperature); it must be from 0 to 100")
        }
        guard topP > 0, topP <= 1 else {
            throw ModelError(.badSampling, "a top-p of \(topP); it must be above 0 and at most 1")
        }
        self.init(unchecked: temperature, topP, seed)
    }

    private init(unchecked temperature: Double, _ topP: Double, _ seed: UInt64) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
    }

    /// The token that follows position `position` of request `request`.
    ///
    /// - Complexity: linear in the vocabulary when greedy, else n log n.
    public func choose(_ logits: Span<Float>, request: Int, position: Int) -> Int {
        let best = Dense.argmax(logits)
        guard temperature > 0, logits[best].isFinite else { return best }
        var probabilities = Array(copying: logits)
        for index in probabilities.indices {
            // Scaled after the largest is taken away, so that a low temperature cannot overflow.
            let difference = Double(logits[index] - logits[best]) / temperature
            probabilities[index] = difference.isNaN ? -.infinity : Float(difference)
        }
        var span = probabilities.mutableSpan
        Dense.softmax(&span)
        let order = probabilities.indices.sorted {
            probabilities[$0] != probabilities[$1] ? probabilities[$0] > probabilities[$1] : $0 < $1
        }
        var total = 0.0
        var count = 0
        for index in order where count == 0 || total < topP {
            total += Double(probabilities[index])
            count += 1
        }
        var remaining = Self.uniform(seed, request, position) * total
        for index in order[..<count] {
            remaining -= Double(probabilities[index])
            if remaining < 0 { return index }
        }
        return order[count - 1]
    }

    /// A number in [0, 1): SplitMix64's finaliser over the three, one after the other.
    static func uniform(_ seed: UInt64, _ request: Int, _ position: Int) -> Double {
        var state = seed
        for part in [UInt64(bitPattern: Int64(request)), UInt64(bitPattern: Int64(position))] {
            state = SplitMix64.finish(state &+ SplitMix64.increment &* (part &+ 1))
        }
        return Double(state >> 11) * 0x1p-53
    }
}
