/// Something that reads what comes from outside, to be fed hostile input.
public struct FuzzTarget: Sendable {
    /// What `--only` looks for.
    public let name: String
    /// Its share of a run's inputs, relative to the others'. A slow reader has a small one.
    public let weight: Int
    let make: @Sendable () throws -> FuzzSubject

    init(_ name: String, weight: Int = 8, _ make: @escaping @Sendable () throws -> FuzzSubject) {
        self.name = name
        self.weight = weight
        self.make = make
    }

    /// Every target there is.
    public static var all: [FuzzTarget] {
        messages + links + coordinators + files + launches + models + segments
    }
}

/// A target made ready on one thread.
struct FuzzSubject {
    /// Inputs that are understood; mutations start from them.
    var examples: [[UInt8]]
    /// Whether inputs are texts rather than numbers in bytes.
    var isText = false
    /// Takes one input. True if it was understood, so that something lay behind it to be judged; throws ``FuzzFinding`` if what came out is
    /// wrong. The generator is for choices that are not in the input.
    var take: (_ input: [UInt8], _ random: inout FuzzRandom) throws -> Bool
    /// Looks at the whole when all inputs are through.
    var finish: () throws -> Void = {}
}

/// What a reader did that it must not do.
public struct FuzzFinding: Error, CustomStringConvertible, Sendable {
    /// One sentence.
    public let description: String

    init(_ description: String) { self.description = description }

    /// Throws unless the condition holds.
    static func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(FuzzFinding) {
        if !condition { throw FuzzFinding(otherwise()) }
    }
}
