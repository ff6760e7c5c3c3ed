import Collectives
import Fabric

/// What a byte holds, if nothing but where it came from is known.
enum Symbol: Equatable {
    case nothing
    /// Byte `offset` of a member's source.
    case source(Int, Int)
    /// A byte of the accumulator of an element, into which the members before `count` are folded.
    case partial(count: Int, element: Int, byte: Int)
    /// A byte of the reduction of all members' sources.
    case result(Int)
}

/// Steps of one member, with the announcements and last events that surround them.
struct Program: StepSink {
    enum Instruction {
        case announce(Int)
        case meet(Int)
        case step(Step)
    }
    var instructions: [Instruction] = []
    private var met: Set<Int> = []

    init(_ schedule: any Schedule, _ me: Int, size: Int, announces: Bool) throws(FabricError) {
        let partners = (0..<size).filter { $0 != me && schedule.arePartners(me, $0) }
        if announces { instructions = partners.map { .announce($0) } } else { met = Set(0..<size) }
        met.insert(me)
        try schedule.emit(me, &self)
        guard announces else { return }
        for member in partners {
            meet(member)
            instructions.append(.step(.signal(member)))
        }
        for member in partners { instructions.append(.step(.wait(member))) }
    }

    private mutating func meet(_ member: Int) {
        if met.insert(member).inserted { instructions.append(.meet(member)) }
    }

    mutating func take(_ step: Step) {
        switch step {
        case .put(let member, _, _, _), .wait(let member): meet(member)
        case .fold(let fold): for member in fold.members { meet(member) }
        default: break
        }
        instructions.append(.step(step))
    }
}

/// Runs all members' programs on bytes that only know where they came from.
///
/// Members run as far as they can, one after the other. What an event means follows from its number in its pair's stream alone, so whether
/// all come to their end does not depend on who runs when. That values do not either is checked with vector clocks: any
/// two accesses to a byte, one of them a write, must be ordered by events. The caller's own accesses before and after the
/// operation count, so nobody touches a member's bytes before its announcement or after its return.
struct ScheduleChecker {
    struct Cell {
        var value = Symbol.nothing
        var writer = 0
        var written: Int32 = 0
        /// The latest read of each member; empty where there is none.
        var reads: [Int32] = []
    }

    let shape: ScheduleShape
    var programs: [Program]
    var memory: [[Cell]]
    let sources: [Int]
    let destinations: [Int]
    let stagings: [Int]
    /// What each member knows of each other's progress.
    var clocks: [[Int32]]
    /// Clocks sent by the events of a pair, and how many were waited for.
    var streams: [[[Int32]]]
    var taken: [Int]
    var wrong: [String] = []

    /// Bytes from each to each, for an all-to-all of differing lengths.
    let lengths: [[Int]]

    /// - Parameter schedule: gives a member's.
    init(
        _ shape: ScheduleShape, isInPlace: Bool, lengths: [[Int]] = [], _ schedule: (Int) throws -> any Schedule
    ) throws {
        let size = shape.size
        self.shape = shape
        self.lengths = lengths
        programs = try (0..<size).map {
            try Program(schedule($0), $0, size: size, announces: shape.operation != .barrier)
        }
        var bases: [(Int, Int, Int)] = []
        memory = []
        for member in 0..<size {
            let source = lengths.isEmpty ? shape.sourceByteCount(member) : lengths[member].reduce(0, +)
            let destination =
                lengths.isEmpty ? shape.destinationByteCount(member) : lengths.reduce(0) { $0 + $1[member] }
            let shift = isInPlace ? Self.shift(shape, member) : nil
            let start = shift.map { max(0, -$0) } ?? 0
            let place = shift.map { start + $0 } ?? source
            let staging = max(start + source, place + destination)
            bases.append((start, place, staging))
            var cells = [Cell](repeating: Cell(), count: staging + shape.staging)
            for index in cells.indices {
                cells[index].writer = member
                cells[index].written = 1
            }
            for index in 0..<source { cells[start + index].value = .source(member, index) }
            memory.append(cells)
        }
        sources = bases.map(\.0)
        destinations = bases.map(\.1)
        stagings = bases.map(\.2)
        clocks = (0..<size).map { me in (0..<size).map { $0 == me ? 1 : 0 } }
        streams = Array(repeating: [], count: size * size)
        taken = Array(repeating: 0, count: size * size)
    }

    /// How far the destination starts behind the source, where they share memory.
    private static func shift(_ shape: ScheduleShape, _ member: Int) -> Int? {
        switch shape.operation {
        case .allReduce: 0
        case .broadcast, .reduce: member == shape.root ? 0 : nil
        case .reduceScatter: member * shape.block
        case .scatter: member == shape.root ? member * shape.block : nil
        case .allGather: -member * shape.block
        case .allGatherV: -shape.offsets[member]
        case .gather: member == shape.root ? -member * shape.block : nil
        default: nil
        }
    }

    /// Runs everything and says what is wrong.
    mutating func run() -> [String] {
        var next = Array(repeating: 0, count: shape.size)
        var isMoving = true
        while isMoving {
            isMoving = false
            for me in 0..<shape.size {
                while next[me] < programs[me].instructions.count, carryOut(me, programs[me].instructions[next[me]]) {
                    next[me] += 1
                    isMoving = true
                    if wrong.count > 3 { return wrong }
                }
            }
        }
        for me in 0..<shape.size where next[me] < programs[me].instructions.count {
            wrong.append("member \(me) waits for ever: \(programs[me].instructions[next[me]])")
        }
        if !wrong.isEmpty { return wrong }
        for pair in streams.indices where taken[pair] != streams[pair].count {
            wrong.append(
                "\(streams[pair].count - taken[pair]) events too many from \(pair / shape.size) to "
                    + "\(pair % shape.size)")
        }
        for me in 0..<shape.size { judge(me) }
        return wrong
    }

    // MARK: Events

    private mutating func send(_ me: Int, _ peer: Int) {
        streams[me * shape.size + peer].append(clocks[me])
        clocks[me][me] += 1
    }

    private mutating func receive(_ me: Int, _ peer: Int) -> Bool {
        let pair = peer * shape.size + me
        guard taken[pair] < streams[pair].count else { return false }
        let clock = streams[pair][taken[pair]]
        taken[pair] += 1
        for member in clock.indices { clocks[me][member] = max(clocks[me][member], clock[member]) }
        return true
    }

    /// Carries out an instruction if it need not wait.
    private mutating func carryOut(_ me: Int, _ instruction: Program.Instruction) -> Bool {
        switch instruction {
        case .announce(let peer), .step(.signal(let peer)): send(me, peer)
        case .meet(let peer), .step(.wait(let peer)): return receive(me, peer)
        case .step(.put(let peer, let from, let to, let byteCount)):
            if peer == me { wrong.append("member \(me) puts to itself") }
            for index in 0..<byteCount {
                write(me, read(me, at: me, here(me, from) + index), at: peer, here(peer, to) + index)
            }
        case .step(.copy(let from, let to, let byteCount)):
            for index in 0..<byteCount {
                write(me, read(me, at: me, here(me, from) + index), at: me, here(me, to) + index)
            }
        case .step(.fold(let step)): fold(me, step)
        case .step(.exchange), .step(.complete), .step(.sync), .step(.close):
            wrong.append("member \(me) makes a step that does not follow from the shape")
        }
        return true
    }

    private func here(_ member: Int, _ place: Place) -> Int {
        switch place.area {
        case .source: sources[member] + place.offset
        case .destination: destinations[member] + place.offset
        case .staging: stagings[member] + place.offset
        }
    }

    // MARK: Bytes

    private mutating func read(_ me: Int, at owner: Int, _ index: Int) -> Symbol {
        guard memory[owner].indices.contains(index) else {
            wrong.append("member \(me) reads outside the memory of \(owner)")
            return .nothing
        }
        let cell = memory[owner][index]
        if cell.written > clocks[me][cell.writer] {
            wrong.append("member \(me) reads byte \(index) of \(owner) as \(cell.writer) may be writing it")
        }
        if cell.reads.isEmpty { memory[owner][index].reads = Array(repeating: 0, count: shape.size) }
        memory[owner][index].reads[me] = clocks[me][me]
        return cell.value
    }

    private mutating func write(_ me: Int, _ value: Symbol, at owner: Int, _ index: Int) {
        guard memory[owner].indices.contains(index) else {
            wrong.append("member \(me) writes outside the memory of \(owner)")
            return
        }
        let cell = memory[owner][index]
        if cell.written > clocks[me][cell.writer] {
            wrong.append("members \(me) and \(cell.writer) may both be writing byte \(index) of \(owner)")
        }
        for (reader, time) in cell.reads.enumerated() where time > clocks[me][reader] {
            wrong.append("member \(me) writes byte \(index) of \(owner) as \(reader) may be reading it")
        }
        memory[owner][index] = Cell(value: value, writer: me, written: clocks[me][me])
    }

    private mutating func fold(_ me: Int, _ step: FoldStep) {
        let fetches = step.members.contains { $0 != me }
        guard case .windows(let place) = step.input else {
            wrong.append("member \(me) folds what it cannot know to be in its slots")
            return
        }
        let scratch = here(me, place)
        func spoil(_ checker: inout ScheduleChecker) {
            for index in 0..<(fetches ? step.byteCount : 0) { checker.write(me, .nothing, at: me, scratch + index) }
        }
        spoil(&self)
        for element in 0..<step.byteCount / shape.element {
            let number = step.start / shape.element + element
            for byte in 0..<(step.carry == nil ? 0 : shape.accumulator) {
                guard let carry = step.carry else { continue }
                let value = read(me, at: me, here(me, carry) + element * shape.accumulator + byte)
                if value != .partial(count: step.members.lowerBound, element: number, byte: byte) {
                    wrong.append("member \(me) goes on from \(value) with element \(number), members \(step.members)")
                }
            }
            if (step.carry == nil) != (step.members.lowerBound == 0) {
                wrong.append("member \(me) starts in the middle")
            }
            for member in step.members {
                for byte in 0..<shape.element {
                    let index = number * shape.element + byte
                    let value = read(me, at: member, sources[member] + index)
                    if value != .source(member, index) { wrong.append("member \(me) folds \(value) of \(member)") }
                }
            }
            if step.isFinal != (step.members.upperBound == shape.size) {
                wrong.append("member \(me) ends in the middle")
            }
            for byte in 0..<(step.isFinal ? shape.element : shape.accumulator) {
                let value =
                    step.isFinal
                    ? Symbol.result(number * shape.element + byte)
                    : .partial(count: step.members.upperBound, element: number, byte: byte)
                write(
                    me, value, at: me,
                    here(me, step.into) + element * (step.isFinal ? shape.element : shape.accumulator) + byte)
            }
        }
        spoil(&self)
    }

    // MARK: The end

    /// The caller has its own again: looks at the destination, and writes everywhere.
    private mutating func judge(_ me: Int) {
        for index in 0..<destinationByteCount(me) {
            let value = read(me, at: me, destinations[me] + index)
            if value != expected(me, index) {
                wrong.append("byte \(index) of the destination of \(me) is \(value), not \(expected(me, index))")
            }
        }
        let sourceByteCount = shape.sourceByteCount(me)
        if destinations[me] >= sources[me] + sourceByteCount {
            for index in 0..<sourceByteCount where memory[me][sources[me] + index].value != .source(me, index) {
                wrong.append("byte \(index) of the source of \(me) was changed")
            }
        }
        for index in memory[me].indices { write(me, .nothing, at: me, index) }
        if shape.operation == .barrier, clocks[me].contains(0) {
            wrong.append("member \(me) leaves the barrier before another has come")
        }
    }

    private func destinationByteCount(_ me: Int) -> Int {
        lengths.isEmpty ? shape.destinationByteCount(me) : lengths.reduce(0) { $0 + $1[me] }
    }

    private func expected(_ me: Int, _ index: Int) -> Symbol {
        let block = max(shape.block, 1)
        switch shape.operation {
        case .broadcast: return .source(shape.root, index)
        case .allGather, .gather: return .source(index / block, index % block)
        case .allGatherV:
            let member = (0..<shape.size).first { shape.offsets[$0 + 1] > index } ?? 0
            return .source(member, index - shape.offsets[member])
        case .scatter: return .source(shape.root, me * block + index)
        case .allToAll: return .source(index / block, me * block + index % block)
        case .reduceScatter: return .result(me * block + index)
        case .allReduce, .reduce: return .result(index)
        case .allToAllV:
            var start = 0
            for sender in 0..<shape.size {
                let byteCount = lengths[sender][me]
                if index < start + byteCount {
                    return .source(sender, lengths[sender][..<me].reduce(0, +) + index - start)
                }
                start += byteCount
            }
            return .nothing
        case .barrier, .sendReceive: return .nothing
        }
    }
}
