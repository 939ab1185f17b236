// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@testable import MartletScheduler

@Suite("Nodes by what is on them") struct ProfileIndexTests {
    @Test("Positions stay in order, whatever comes and goes", arguments: 1...4)
    func positions(seed: UInt64) {
        var sequence = SeededSequence(seed: seed)
        var positions = SortedPositions()
        var expected: Set<Int32> = []
        for step in 0..<6000 {
            let position = Int32(sequence.next(below: 3000))
            // At first more come, later more go.
            if sequence.next(below: 6) < (step < 4000 ? 5 : 1) {
                if expected.insert(position).inserted { positions.insert(position) }
            } else if let known = expected.min(by: { $0 ^ position < $1 ^ position }) {
                expected.remove(known)
                positions.remove(known)
            }
            guard step % 200 == 0 || expected.count < 3 else { continue }
            let sorted = expected.sorted()
            #expect((0..<positions.count).map { positions[$0] } == sorted)
            #expect(positions.first == sorted.first && positions.last == sorted.last)
            #expect(positions.rank(of: position) == sorted.count(where: { $0 < position }))
        }
    }

    @Test("Groups are what a look at every node finds", arguments: 1...4)
    func groups(seed: UInt64) {
        var random = RandomWorld(seed: seed)
        random.addNodes(20, extras: false)
        let view = random.world.view
        for number in 0..<40 {
            random.world.place(random.job(number, extras: false), seed: seed)
            let ids = random.world.allocations.keys.sorted()
            if ids.count > 20 { random.world.end(ids[random.sequence.next(below: ids.count)]) }
            if number % 7 == 0 { random.addNode(extras: false) }
            view.settle()
            var found: Set<Int32> = []
            for group in view.profileGroups() {
                for index in 0..<group.positions.count {
                    let slot = view.layout.slots[Int(group.positions[index])]
                    #expect(found.insert(slot).inserted)
                    #expect(group.profile == view.rows[Int(slot)].profile)
                    #expect(group.capacity == view.rows[Int(slot)].capacity)
                    #expect(group.lowestPriority == view.lowestPriority(on: slot))
                }
            }
            let expected = view.layout.slots.filter {
                view.rows[Int($0)].isReady
                    && view.rows[Int($0)].firstRecord != AllocationRecord.none
            }
            #expect(found == Set(expected), "evaluation \(number)")
        }
    }
}
