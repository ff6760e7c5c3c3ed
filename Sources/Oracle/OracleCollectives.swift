public import Tensors

/// What every collective must give, said as plainly as possible: the bytes of all members in, the bytes of all members out.
///
/// Inputs are by member; so are results, nil for members that get nothing. Shares no code with what it judges.
public enum OracleCollectives {
    /// Every member gets the root's input.
    public static func broadcast(_ inputs: [[UInt8]], root: Int) -> [[UInt8]?] {
        inputs.map { _ in inputs[root] }
    }

    /// Every member gets all inputs, one behind the other; they may differ in length.
    public static func allGather(_ inputs: [[UInt8]]) -> [[UInt8]?] {
        let all = inputs.flatMap { $0 }
        return inputs.map { _ in all }
    }

    /// The root gets all inputs.
    public static func gather(_ inputs: [[UInt8]], root: Int) -> [[UInt8]?] {
        inputs.indices.map { $0 == root ? inputs.flatMap { $0 } : nil }
    }

    /// Every member gets its share of the root's input.
    public static func scatter(_ inputs: [[UInt8]], root: Int) -> [[UInt8]?] {
        let block = inputs[root].count / inputs.count
        return inputs.indices.map { Array(inputs[root][$0 * block..<($0 + 1) * block]) }
    }

    /// Member j gets block j of every member; `byteCounts[i][j]` is the length of what i has for j.
    public static func allToAll(_ inputs: [[UInt8]], byteCounts: [[Int]]) -> [[UInt8]?] {
        inputs.indices.map { to in
            inputs.indices.flatMap { from in
                let start = byteCounts[from][..<to].reduce(0, +)
                return inputs[from][start..<start + byteCounts[from][to]]
            }
        }
    }

    /// Every member gets the input of the member `shift` places before.
    public static func sendReceive(_ inputs: [[UInt8]], shift: Int) -> [[UInt8]?] {
        inputs.indices.map { inputs[($0 + inputs.count - shift) % inputs.count] }
    }

    /// The root gets the fold of all inputs.
    public static func reduce(
        _ inputs: [[UInt8]], root: Int, type: ElementType, reduction: Reduction
    ) -> [[UInt8]?] {
        let result = fold(inputs, type, reduction)
        return inputs.indices.map { $0 == root ? result : nil }
    }

    /// Every member gets the fold of all inputs.
    public static func allReduce(_ inputs: [[UInt8]], type: ElementType, reduction: Reduction) -> [[UInt8]?] {
        let result = fold(inputs, type, reduction)
        return inputs.map { _ in result }
    }

    /// Every member gets its share of the fold of all inputs.
    public static func reduceScatter(_ inputs: [[UInt8]], type: ElementType, reduction: Reduction) -> [[UInt8]?] {
        let result = fold(inputs, type, reduction)
        let block = result.count / inputs.count
        return inputs.indices.map { Array(result[$0 * block..<($0 + 1) * block]) }
    }

    /// Folds element by element, member 0 first.
    static func fold(_ inputs: [[UInt8]], _ type: ElementType, _ reduction: Reduction) -> [UInt8] {
        let width = type.byteCount
        var result: [UInt8] = []
        result.reserveCapacity(inputs[0].count)
        for start in stride(from: 0, to: inputs[0].count, by: width) {
            let column = inputs.map { input in
                (0..<width).reduce(UInt64(0)) { $0 | UInt64(input[start + $1]) << UInt64(8 * $1) }
            }
            let bits = foldColumn(column, type, reduction)
            for byte in 0..<width { result.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))) }
        }
        return result
    }

    private static func foldColumn(_ column: [UInt64], _ type: ElementType, _ reduction: Reduction) -> UInt64 {
        switch type {
        case .int8: return integer(column.map { Int8(truncatingIfNeeded: $0) }, reduction)
        case .int32: return integer(column.map { Int32(truncatingIfNeeded: $0) }, reduction)
        case .int64: return integer(column.map { Int64(truncatingIfNeeded: $0) }, reduction)
        case .float16:
            let sum = real(column.map { Float(Float16(bitPattern: UInt16($0))) }, reduction)
            return sum.isNaN ? 0x7E00 : UInt64(Float16(sum).bitPattern)
        case .bfloat16:
            let sum = real(column.map { BFloat16(bitPattern: UInt16($0)).float }, reduction)
            return sum.isNaN ? 0x7FC0 : UInt64(BFloat16(sum).bitPattern)
        case .float32:
            let sum = real(column.map { Float(bitPattern: UInt32($0)) }, reduction)
            return sum.isNaN ? 0x7FC0_0000 : UInt64(sum.bitPattern)
        case .float64:
            let sum = real(column.map { Double(bitPattern: $0) }, reduction)
            return sum.isNaN ? 0x7FF8_0000_0000_0000 : sum.bitPattern
        }
    }

    private static func integer<Value: FixedWidthInteger>(_ values: [Value], _ reduction: Reduction) -> UInt64 {
        var result = values[0]
        for value in values.dropFirst() {
            switch reduction {
            case .sum: result &+= value
            case .product: result &*= value
            case .max: result = Swift.max(result, value)
            case .min: result = Swift.min(result, value)
            }
        }
        return UInt64(truncatingIfNeeded: result)
    }

    private static func real<Value: BinaryFloatingPoint>(_ values: [Value], _ reduction: Reduction) -> Value {
        var result = values[0]
        for value in values.dropFirst() {
            switch reduction {
            case .sum: result += value
            case .product: result *= value
            case .max where result.isNaN || value.isNaN, .min where result.isNaN || value.isNaN: result = .nan
            case .max: if value > result || (value == result && result.sign == .minus) { result = value }
            case .min: if value < result || (value == result && value.sign == .minus) { result = value }
            }
        }
        return result
    }
}
