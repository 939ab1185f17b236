// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("G: blocked evaluations") struct BlockedTests {
    private func blocked(
        _ number: Int, job: String? = nil, classes: SortedMap<Bool> = [:], escaped: Bool = false,
        node: Int? = nil, snapshot: UInt64 = 100, trigger: EvaluationTrigger = .queuedAllocs
    ) -> Evaluation {
        var evaluation = Evaluation.fixture(
            number, job: job ?? "j\(number)", type: node == nil ? .service : .system,
            trigger: trigger)
        evaluation.status = .blocked
        evaluation.classEligibility = classes
        evaluation.hasEscapedClass = escaped
        evaluation.nodeID = node.map { .node($0) }
        evaluation.snapshotIndex = snapshot
        return evaluation
    }

    private func tracker(_ evaluations: [Evaluation]) -> BlockedEvaluations {
        var tracker = BlockedEvaluations()
        tracker.setEnabled(true)
        for evaluation in evaluations { _ = tracker.block(evaluation, at: .zero) }
        return tracker
    }

    private func numbers(_ evaluations: [Evaluation]) -> [Int] {
        evaluations.map { Int($0.id.low) }
    }

    @Test("G8: a class wakes who may use it or has not seen it, and who escaped")
    func classes() {
        var tracker = tracker([
            blocked(1, classes: ["x": true]), blocked(2, classes: ["x": false]),
            blocked(3, classes: ["y": false]), blocked(4, classes: ["x": false], escaped: true),
        ])

        #expect(numbers(tracker.unblock(computedClass: "x", at: 101)) == [1, 3, 4])
        #expect(tracker.count == 1)
        #expect(tracker.unblock(computedClass: "x", at: 102).isEmpty)
        #expect(numbers(tracker.unblock(computedClass: "z", at: 103)) == [2])
    }

    @Test("G8: a class that nobody could use wakes who comes later")
    func later() {
        var tracker = tracker([blocked(1, classes: ["x": false])])
        #expect(tracker.unblock(computedClass: "x", at: 101).isEmpty)
        _ = tracker.block(blocked(2, classes: ["x": true], snapshot: 101), at: .zero)

        #expect(numbers(tracker.unblock(computedClass: "x", at: 102)) == [2])
    }

    @Test("G9: what changed after its snapshot is not waited for")
    func missed() {
        var tracker = tracker([])
        _ = tracker.unblock(computedClass: "x", at: 50)

        #expect(tracker.block(blocked(1, classes: ["x": true], snapshot: 40), at: .zero) == .missed)
        #expect(tracker.block(blocked(2, snapshot: 40), at: .zero) == .missed)
        let other = blocked(3, classes: ["x": false], snapshot: 40)
        #expect(tracker.block(other, at: .zero) == .blocked)
        #expect(
            tracker.block(blocked(4, classes: ["x": true], snapshot: 50), at: .zero) == .blocked)
        let escaped = blocked(5, classes: ["x": false], escaped: true, snapshot: 40)
        #expect(tracker.block(escaped, at: .zero) == .missed)
    }

    @Test("G9: I2: a node's change that came too early for a system evaluation is not lost")
    func missedNode() {
        var tracker = tracker([])
        _ = tracker.unblock(nodeID: .node(1), at: 50)

        #expect(tracker.block(blocked(1, node: 1, snapshot: 40), at: .zero) == .missed)
        #expect(tracker.block(blocked(2, node: 2, snapshot: 40), at: .zero) == .blocked)
    }

    @Test("I2: a system evaluation is woken by its node alone")
    func nodes() {
        var tracker = tracker([
            blocked(1, job: "s", node: 1), blocked(2, job: "s", node: 2), blocked(3),
        ])

        #expect(numbers(tracker.unblock(computedClass: "x", at: 101)) == [3])
        #expect(numbers(tracker.unblock(nodeID: .node(2), at: 102)) == [2])
        #expect(tracker.count == 1)
    }

    @Test("One a job, the newest; the other is needless")
    func duplicates() {
        var tracker = tracker([
            blocked(2, job: "a"), blocked(1, job: "a"), blocked(3, job: "a"),
            blocked(4, job: "s", node: 1), blocked(5, job: "s", node: 1),
        ])

        #expect(numbers(tracker.takeDuplicates()) == [1, 2, 4])
        #expect(numbers(tracker.unblock(computedClass: "x", at: 101)) == [3])
        #expect(numbers(tracker.unblock(nodeID: .node(1), at: 101)) == [5])
    }

    @Test("G11: the same id again brings what it learned since")
    func again() {
        var tracker = tracker([blocked(1)])
        let refreshed = blocked(1, classes: ["x": false], snapshot: 120)
        #expect(tracker.block(refreshed, at: .zero) == .blocked)

        #expect(tracker.unblock(computedClass: "x", at: 121).isEmpty)
        #expect(tracker.takeDuplicates().isEmpty && tracker.count == 1)
    }

    @Test("G15: a job that needs nothing more is untracked")
    func untracked() {
        var tracker = tracker([
            blocked(1, job: "s", node: 1), blocked(2, job: "s", node: 2), blocked(3, job: "a"),
        ])

        #expect(numbers(tracker.untrack(JobKey(id: "s"))) == [1, 2])
        #expect(tracker.count == 1)
    }

    @Test("Those that ran out of attempts come back every minute")
    func retries() {
        var tracker = tracker([])
        _ = tracker.block(blocked(1, trigger: .maxPlanAttempts), at: .seconds(5))
        _ = tracker.block(blocked(2), at: .seconds(5))
        #expect(tracker.nextEventAt == .seconds(65))
        #expect(tracker.advance(to: .seconds(64)).isEmpty)
        #expect(numbers(tracker.advance(to: .seconds(65))) == [1])
        #expect(tracker.nextEventAt == nil && tracker.count == 1)
    }

    @Test("Woken ones come by priority, then by age")
    func order() {
        var high = blocked(9)
        high.priority = 90
        var tracker = tracker([blocked(3), high, blocked(1)])

        #expect(numbers(tracker.unblock(computedClass: "x", at: 101)) == [9, 1, 3])
    }

    @Test("F4: a change of the configuration can wake all of a type")
    func configuration() {
        var tracker = tracker([blocked(1), blocked(2, node: 1)])

        #expect(numbers(tracker.unblockAll(of: .service)) == [1])
        #expect(tracker.count == 1)
    }

    @Test("Off, it forgets")
    func off() {
        var tracker = tracker([blocked(1)])
        tracker.setEnabled(false)

        #expect(tracker.count == 0 && tracker.block(blocked(2), at: .zero) == .disabled)
        #expect(tracker.unblock(computedClass: "x", at: 1).isEmpty)
    }

    @Test("At its bound it refuses; and what it forgets of changes wakes too many, never too few")
    func bounds() {
        var limits = BlockedEvaluations.Limits()
        limits.evaluationsMax = 2
        limits.indexesMax = 4
        var tracker = BlockedEvaluations(limits: limits)
        tracker.setEnabled(true)
        for number in 1...40 {
            _ = tracker.unblock(computedClass: "c\(number)", at: UInt64(number))
        }
        for number in 1...40 {
            let waiter = blocked(
                number, classes: ["c\(number)": true], snapshot: UInt64(number) - 1)
            #expect(tracker.block(waiter, at: .zero) == .missed)
        }
        let offers = (51...53).map { tracker.block(blocked($0), at: .zero) }
        #expect(offers == [.blocked, .blocked, .full])
        #expect(!tracker.needsRefill)
        _ = tracker.untrack(JobKey(id: "j51"))
        #expect(tracker.needsRefill)
    }
}
