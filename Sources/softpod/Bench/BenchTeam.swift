internal import ArgumentParser
internal import Collectives
internal import Fabric

/// Which teams a benchmark of collectives runs on.
enum BenchTeam: String, Codable, CaseIterable, ExpressibleByArgument {
    /// All dies.
    case world
    /// All dies in rows of equal width, all rows at once.
    case rows
    /// Some dies in an order, drawn from the seed; the others wait.
    case random

    /// First member, distance and size of the team of each row, in ranks of the cluster.
    struct Shape {
        var start: Int
        var stride: Int
        var size: Int
    }

    /// Members of a row: the smallest divisor of the dies that is at least their root, so that all rows are full.
    static func width(_ dies: Int) -> Int { (1...dies).first { dies % $0 == 0 && $0 * $0 >= dies } ?? dies }

    /// The teams, the same at every die.
    func shapes(dies: Int, seed: UInt64) -> [Shape] {
        switch self {
        case .world: return [Shape(start: 0, stride: 1, size: dies)]
        case .rows:
            let width = Self.width(dies)
            return stride(from: 0, to: dies, by: width).map { Shape(start: $0, stride: 1, size: width) }
        case .random:
            guard dies > 1 else { return [Shape(start: 0, stride: 1, size: 1)] }
            var random = CheckRandom(seed: seed)
            func draw(_ range: ClosedRange<Int>) -> Int {
                range.lowerBound + Int(random.next() % UInt64(range.count))
            }
            let stride = draw(1...max(1, dies / 3))
            let size = draw(2...max(2, (dies - 1) / stride + 1))
            let first = draw(0...(dies - 1 - (size - 1) * stride))
            guard draw(0...1) == 1 else { return [Shape(start: first, stride: stride, size: size)] }
            return [Shape(start: first + (size - 1) * stride, stride: -stride, size: size)]
        }
    }

    /// This die's team, if it is in one. Collective over the world.
    func team(_ world: Team, seed: UInt64) throws -> Team? {
        let shapes = shapes(dies: world.size, seed: seed)
        switch self {
        case .world: return world
        case .rows: return try world.split2D(width: shapes[0].size).row
        case .random: return try world.split(start: shapes[0].start, stride: shapes[0].stride, size: shapes[0].size)
        }
    }
}
