internal import Glibc
internal import StrictJSON

/// How positions are rotated into queries and keys: plain RoPE, or YaRN.
///
/// ## Source
/// The public implementation's `modeling_rope_utils.py` and DeepSeek's `model.py`; `freqs` are rounded to float32 where
/// the former rounds them.
public struct RotaryConfiguration: Sendable, Equatable {
    /// Width of the rotated part; half as many angles.
    public var width: Int
    /// Whether a pair is (2i, 2i + 1) in the projections' output, instead of (i, i + width / 2).
    public var isInterleaved: Bool
    /// The base of the geometric series of wavelengths (`rope_theta`).
    public var theta: Double
    /// The stretch of a YaRN model; nil for plain RoPE.
    public var yarn: Yarn?

    /// YaRN's numbers, as `rope_scaling` or `rope_parameters` give them.
    public struct Yarn: Sendable, Equatable {
        /// Times the original context.
        public var factor: Double
        /// Positions of the original context.
        public var originalPositions: Int
        /// Rotations above which a dimension is left as it is.
        public var betaFast: Double
        /// Rotations below which a dimension is stretched in full.
        public var betaSlow: Double
        /// What cosines and sines are multiplied by.
        public var attentionFactor: Double
        /// The magnitude correction of the softmax scale, before squaring.
        public var softmaxMagnitude: Double
    }

    /// What the attention's softmax scale is multiplied by.
    public var softmaxFactor: Double { yarn.map { $0.softmaxMagnitude * $0.softmaxMagnitude } ?? 1 }

    /// What cosines and sines are multiplied by.
    public var attentionFactor: Double { yarn?.attentionFactor ?? 1 }

    /// Radians a position, for each of the `width / 2` pairs.
    public var frequencies: [Double] {
        let half = width / 2
        let plain = (0..<half).map { pow(theta, -Double(2 * $0) / Double(width)) }
        guard let yarn else { return plain }
        func dimension(_ rotations: Double) -> Double {
            Double(width) * log(Double(yarn.originalPositions) / (rotations * 2 * .pi)) / (2 * log(theta))
        }
        let low = max(dimension(yarn.betaFast).rounded(.down), 0)
        var high = min(dimension(yarn.betaSlow).rounded(.up), Double(width - 1))
        if low == high { high += 0.001 }
        return (0..<half).map { index in
            let ramp = min(max((Double(index) - low) / (high - low), 0), 1)
            return plain[index] / yarn.factor * ramp + plain[index] * (1 - ramp)
        }
    }
}

extension RotaryConfiguration {
    /// Reads either spelling: `rope_theta` with `rope_scaling`, or `rope_parameters` with everything.
    init(_ json: JSONFile, width: Int, maximumPositions: Int) throws(ModelFileError) {
        self.width = width
        isInterleaved = try json.bool("rope_interleave", default: true)
        let parameters = try json.member("rope_parameters")
        var scaling = parameters
        if scaling == nil { scaling = try json.member("rope_scaling") }
        let thetaRange = 1.000_001...1e12
        if let parameters, parameters.present("rope_theta") != nil {
            theta = try parameters.number("rope_theta", thetaRange)
        } else {
            theta = try json.number("rope_theta", thetaRange, default: 10000)
        }
        yarn = nil
        guard let scaling else { return }
        for key in ["rope_type", "type"] { try scaling.require(key, oneOf: ["default", "yarn"]) }
        let oldType = try scaling.string("type", default: "default")
        let type = try scaling.string("rope_type", default: oldType)
        if type == "yarn" { yarn = try Yarn(scaling, maximumPositions: maximumPositions) }
    }
}

extension RotaryConfiguration.Yarn {
    init(_ json: JSONFile, maximumPositions: Int) throws(ModelFileError) {
        try json.require("truncate", true)
        factor = try json.number("factor", 1...1e6)
        originalPositions = try json.integer(
            "original_max_position_embeddings", 1...(1 << 30), default: maximumPositions)
        betaFast = try json.number("beta_fast", 1e-6...1e6, default: 32)
        betaSlow = try json.number("beta_slow", 1e-6...1e6, default: 1)
        guard betaFast >= betaSlow else { throw json.error("beta_fast", "must be at least beta_slow") }
        let magnitude = try json.number("mscale", 0...100, default: 0)
        let magnitudeAll = try json.number("mscale_all_dim", 0...100, default: 0)
        let logarithm = 0.1 * log(factor)
        let plain =
            magnitude > 0 && magnitudeAll > 0
            ? (magnitude * logarithm + 1) / (magnitudeAll * logarithm + 1) : logarithm + 1
        attentionFactor = try json.number("attention_factor", 1e-6...1e6, default: plain)
        softmaxMagnitude = magnitudeAll > 0 ? magnitudeAll * logarithm + 1 : 1
    }
}
