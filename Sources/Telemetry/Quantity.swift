/// A figure that this machine's clock or counters gave.
///
/// Measured and modelled figures are different types: adding them does not compile, and printing says which it is.
public struct Measured: Sendable, Equatable, CustomStringConvertible {
    /// The figure, in ``unit``.
    public var value: Double
    /// The unit, such as `us` or `GB/s`.
    public var unit: String

    /// A figure with its unit.
    public init(_ value: Double, _ unit: String) {
        self.value = value
        self.unit = unit
    }

    /// The figure and where it comes from.
    public var description: String { "\(Figures.text(value)) \(unit) (measured)" }
}

/// A figure that a cost model of the real machine gave.
public struct Modelled: Sendable, Equatable, CustomStringConvertible {
    /// The figure, in ``unit``.
    public var value: Double
    /// The unit.
    public var unit: String

    /// A figure with its unit.
    public init(_ value: Double, _ unit: String) {
        self.value = value
        self.unit = unit
    }

    /// The figure and where it comes from.
    public var description: String { "\(Figures.text(value)) \(unit) (modelled)" }
}

/// How figures are written for people.
public enum Figures {
    /// Four significant digits, without an exponent where that reads well.
    public static func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : (value < 0 ? "-inf" : "inf") }
        let size = abs(value)
        if size == 0 { return "0" }
        if size >= 1e9 || size < 1e-4 {
            var exponent = 0
            var mantissa = size
            while mantissa >= 10 { mantissa /= 10; exponent += 1 }
            while mantissa < 1 { mantissa *= 10; exponent -= 1 }
            return (value < 0 ? "-" : "") + decimal(mantissa, 3) + "e\(exponent)"
        }
        let digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 5
        return decimal(value, digits)
    }

    /// A value rounded to `digits` behind the point.
    public static func decimal(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 9e15 else { return "\(value)" }
        let whole = Int(scaled) / Int(scale)
        let rest = Int(scaled) % Int(scale)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + "\(whole)" }
        let tail = "\(rest)"
        return sign + "\(whole)." + String(repeating: "0", count: digits - tail.count) + tail
    }

    /// A byte count in the largest unit that leaves at least one.
    public static func bytes(_ count: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(count)
        var index = 0
        while value >= 1024, index < units.count - 1 { value /= 1024; index += 1 }
        return (index == 0 ? "\(count)" : text(value)) + " " + units[index]
    }
}
