import Fabric
import SharedMemory
import TestKit
import Testing

@Suite("The words of notifications")
struct NotificationTests {
    @Test(
        "A sequence is reached by itself and by the next ones, across the end of an epoch's own numbers",
        arguments: [0, 1, 7, 200] as [UInt64])
    func order(epoch: UInt64) {
        for sequence in [1, 2, 1 << 39, 1 << 40 - 2, 1 << 40 - 1, 1 << 40, 1 << 40 + 1, 1 << 45] as [UInt64] {
            let floor = Notification.floor(sequence, epoch: epoch)
            #expect(Notification.word(sequence - 1, epoch: epoch) < floor)
            for ahead in [0, 1, 2, 1000, 1 << 39] as [UInt64] {
                let word = Notification.word(sequence + ahead, epoch: epoch)
                #expect(word >= floor)
                #expect(Notification.read(word, sequence, epoch: epoch) == .reached(sequence + ahead))
            }
            #expect(Notification.read(.max, sequence, epoch: epoch) == .givenUp)
        }
    }

    @Test("No word of another epoch reaches a sequence, though it may have the same number")
    func epochs() {
        for sequence in [1, 5, 1 << 20, 1 << 40 - 1] as [UInt64] {
            for other in [0, 1, 2, 4, 5] as [UInt64] {
                // 2^40 of them in epoch 3 - other lie where those of epoch 3 begin.
                for found in [sequence, sequence + 1, sequence + (3 &- other) << 40] where found < 1 << 46 {
                    let word = Notification.word(found, epoch: other)
                    let reading = Notification.read(word, sequence, epoch: 3)
                    #expect(reading == .impossible(word), "\(found) of epoch \(other), waiting for \(sequence)")
                }
            }
            #expect(Notification.word(1 << 40 - 1, epoch: 2) < Notification.floor(sequence, epoch: 3))
        }
    }

    @Test("A value that differs, and any bit that does, is found")
    func seal() {
        for sequence in [1, 77, 1 << 40 + 3] as [UInt64] {
            let word = Notification.word(sequence, epoch: 2, value: 12)
            #expect(Notification.read(word, sequence, epoch: 2, value: 12) == .reached(sequence))
            #expect(Notification.read(word, sequence, epoch: 2, value: 13) == .impossible(word))
            for bit in 0..<64 {
                let other = word ^ 1 << bit
                let reading = Notification.read(other, sequence, epoch: 2, value: 12)
                #expect(reading == .impossible(other), "bit \(bit) of \(sequence)")
            }
        }
    }

    @Test("Ranks meet as the segment's count of cores says, not each process's own", arguments: [1, 2, 64])
    func meeting(cores: Int) throws {
        let segment = try Segment.create(
            SegmentPlan(
                dieCount: 2, windowByteCount: Endpoint.reservedByteCount(dies: 2) + 4096, coreCount: cores))
        for die in 0..<2 {
            let endpoint = Endpoint(segment: segment, rank: Rank(die), timeout: .seconds(10))
            #expect(endpoint.spins == (cores >= 2))
        }
    }
}
