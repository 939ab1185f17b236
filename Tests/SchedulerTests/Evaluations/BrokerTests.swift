// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("G: the broker") struct BrokerTests {
    private func broker(_ evaluations: [Evaluation] = []) -> EvaluationBroker {
        var broker = EvaluationBroker()
        broker.setEnabled(true)
        for evaluation in evaluations { _ = offer(evaluation, to: &broker) }
        return broker
    }

    private func offer(
        _ evaluation: Evaluation, to broker: inout EvaluationBroker, at now: Duration = .zero
    ) -> EvaluationBroker.Admission {
        defer { broker.checkInvariants() }
        return broker.enqueue(evaluation, at: now, unixNanoseconds: now.unixNanoseconds)
    }

    /// Takes one, and says which.
    private func take(
        _ broker: inout EvaluationBroker, _ types: [JobType] = JobType.allCases,
        token: Int = 1, at now: Duration = .zero
    ) -> Int? {
        defer { broker.checkInvariants() }
        return broker.dequeue(types, token: .id(token), at: now).map { Int($0.evaluation.id.low) }
    }

    private func acknowledge(
        _ number: Int, _ broker: inout EvaluationBroker, token: Int = 1, at now: Duration = .zero
    ) throws {
        try broker.acknowledge(
            .id(number, kind: 2), token: .id(token), at: now, unixNanoseconds: now.unixNanoseconds)
        broker.checkInvariants()
    }

    @Test("G3: the higher priority is served first, then the older evaluation")
    func order() {
        var broker = broker([
            .fixture(1, job: "a", priority: 50), .fixture(2, job: "b", priority: 80),
            .fixture(3, job: "c", priority: 80), .fixture(4, job: "d", priority: 20),
        ])

        #expect((0..<5).map { _ in take(&broker) } == [2, 3, 1, 4, nil])
    }

    @Test("G3: types of equal priority take turns")
    func turns() {
        var broker = broker(
            (0..<9).map {
                .fixture($0 + 1, job: "j\($0)", type: [.service, .batch, .system][$0 % 3])
            })

        let types = (0..<9).compactMap { _ in
            broker.dequeue(JobType.allCases, token: .id(1), at: .zero)?.evaluation.type
        }
        #expect(types.prefix(3) == types.dropFirst(3).prefix(3))
        #expect(Set(types.prefix(3)).count == 3)
    }

    @Test("G3: a worker gets only the types that it asks for")
    func types() {
        var broker = broker([.fixture(1, type: .batch)])

        #expect(take(&broker, [.service, .system]) == nil)
        #expect(take(&broker, [.batch]) == 1)
    }

    @Test("G2: a job has one evaluation in hand; of those that wait the newest is kept")
    func onePerJob() throws {
        var broker = broker([.fixture(1)])
        #expect(take(&broker) == 1)
        #expect(offer(.fixture(2), to: &broker) == .waiting)
        #expect(offer(.fixture(4), to: &broker) == .waiting)
        #expect(offer(.fixture(3), to: &broker) == .superfluous)
        #expect(take(&broker) == nil)
        #expect(broker.takeCancelled().map(\.id.low) == [2, 3])
        #expect(broker.takeCancelled().isEmpty)

        try acknowledge(1, &broker)
        #expect(take(&broker) == 4)
        try acknowledge(4, &broker)
        #expect(broker.counts.delivered == 0 && broker.counts.waiting == 0)
    }

    @Test("G2: jobs of one name in two namespaces are two jobs")
    func namespaces() {
        var other = Evaluation.fixture(2)
        other.job.namespace = "other"
        var broker = broker([.fixture(1), other])

        #expect(take(&broker) == 1 && take(&broker) == 2)
    }

    @Test("An evaluation that is offered twice is served once")
    func twice() {
        var broker = broker([.fixture(1)])

        #expect(offer(.fixture(1), to: &broker) == .superfluous)
        #expect(take(&broker) == 1 && take(&broker) == nil)
    }

    @Test("One that is offered while it runs comes again after it is acknowledged")
    func requeued() throws {
        var broker = broker([.fixture(1)])
        #expect(take(&broker) == 1)
        #expect(offer(.fixture(1), to: &broker) == .requeued)
        try acknowledge(1, &broker)
        #expect(take(&broker) == 1)
        try acknowledge(1, &broker)
        #expect(take(&broker) == nil)
    }

    @Test("G5: no answer in sixty seconds sends it back, and the old token is refused")
    func timeout() {
        var broker = broker([.fixture(1)])
        #expect(take(&broker, token: 7) == 1)
        #expect(broker.nextEventAt == .seconds(60))
        broker.advance(to: .seconds(59))
        #expect(broker.counts.delivered == 1)
        broker.advance(to: .seconds(60))
        #expect(broker.counts.delayed == 1)
        #expect(broker.refusal(of: .id(7), for: .id(1, kind: 2)) == .notOutstanding)
        broker.advance(to: .seconds(61))
        #expect(take(&broker, token: 8, at: .seconds(61)) == 1)
        #expect(broker.refusal(of: .id(7), for: .id(1, kind: 2)) == .wrongToken)
        #expect(broker.refusal(of: .id(8), for: .id(1, kind: 2)) == nil)
    }

    @Test("G5: while its plan waits there is no timeout; then the whole one begins")
    func pause() throws {
        var broker = broker([.fixture(1)])
        _ = take(&broker)
        try broker.pauseTimeout(of: .id(1, kind: 2), token: .id(1))
        broker.checkInvariants()
        #expect(broker.nextEventAt == nil)
        try broker.resumeTimeout(of: .id(1, kind: 2), token: .id(1), at: .seconds(500))
        #expect(broker.nextEventAt == .seconds(560))
    }

    @Test("G6: a wrong token, or none in hand, is refused")
    func tokens() {
        var broker = broker([.fixture(1)])
        #expect(throws: EvaluationBroker.Refusal.notOutstanding) {
            try acknowledge(1, &broker)
        }
        _ = take(&broker, token: 1)
        #expect(throws: EvaluationBroker.Refusal.wrongToken) {
            try acknowledge(1, &broker, token: 2)
        }
        #expect(throws: EvaluationBroker.Refusal.wrongToken) {
            try broker.reject(.id(1, kind: 2), token: .id(2), at: .zero)
        }
        #expect(throws: EvaluationBroker.Refusal.wrongToken) {
            try broker.pauseTimeout(of: .id(1, kind: 2), token: .id(2))
        }
        #expect(throws: EvaluationBroker.Refusal.notOutstanding) {
            try broker.resumeTimeout(of: .id(9), token: .id(2), at: .zero)
        }
    }

    @Test("After three deliveries it fails, and another one follows in one to six minutes")
    func fails() throws {
        var broker = broker([.fixture(1), .fixture(2, job: "other")])
        var now = Duration.zero
        for delay in [1, 20] {
            #expect(take(&broker, at: now) == 1)
            try broker.reject(.id(1, kind: 2), token: .id(1), at: now)
            broker.checkInvariants()
            let due = now + .seconds(delay)
            #expect(broker.nextEventAt == due)
            now = due
            broker.advance(to: now)
        }
        #expect(take(&broker, at: now) == 1)
        try broker.reject(.id(1, kind: 2), token: .id(1), at: now)

        let failing = try #require(broker.failing.first)
        #expect(broker.failing.count == 1 && failing.id == .id(1, kind: 2))
        #expect(offer(.fixture(3), to: &broker) == .waiting, "its job is busy until it is written")
        let failed = failing.failed(deliveries: 3, followedBy: .id(9))
        #expect(failed.status == .failed && failed.nextEvaluation == .id(9))
        for (random, seconds) in [(UInt64(0), 60), (.max / 2, 209), (.max, 359)] {
            let next = failing.failedFollowUp(.id(9), random: random, unixNanoseconds: 0)
            #expect(next.waitUntilUnixNanoseconds / second == seconds)
            #expect(next.trigger == .failedFollowUp && next.previousEvaluation == failing.id)
        }
        broker.forget(failing.id)
        broker.checkInvariants()
        #expect(broker.failing.isEmpty && take(&broker) == 2 && take(&broker) == 3)
    }

    @Test("Wait and WaitUntil delay, and the job's slot is taken only when the time has come")
    func delays() {
        var until = Evaluation.fixture(1)
        until.waitUntilUnixNanoseconds = 30 * second
        var wait = Evaluation.fixture(2, job: "b")
        wait.wait = .seconds(10)
        var broker = broker()
        #expect(offer(until, to: &broker) == .delayed && offer(wait, to: &broker) == .delayed)
        #expect(offer(.fixture(3), to: &broker) == .ready)
        #expect(broker.nextEventAt == .seconds(10))
        broker.advance(to: .seconds(10))
        #expect(take(&broker) == 2 && take(&broker) == 3)
        broker.advance(to: .seconds(30))
        #expect(broker.counts.waiting == 1)
        broker.checkInvariants()

        var past = Evaluation.fixture(5, job: "c")
        past.waitUntilUnixNanoseconds = 1
        #expect(offer(past, to: &broker, at: .seconds(2)) == .ready)
    }

    @Test("What a server with a clock ahead has made waits no longer than it was meant to")
    func clockAhead() {
        var until = Evaluation.fixture(1)
        until.createUnixNanoseconds = 57_000 * second
        until.waitUntilUnixNanoseconds = 57_030 * second
        var broker = broker()
        #expect(offer(until, to: &broker) == .delayed)
        #expect(broker.nextEventAt == .seconds(30))
    }

    @Test("What waited under a wrong clock for the end of time does not trap")
    func extremes() {
        var broker = broker()
        for (number, until) in [Int64.max, .min, -1].enumerated() {
            var evaluation = Evaluation.fixture(number + 1, job: "j\(number)")
            evaluation.waitUntilUnixNanoseconds = until
            evaluation.wait = GoDuration(nanoseconds: .min)
            _ = offer(evaluation, to: &broker)
        }
        #expect(broker.counts.ready == 2 && broker.counts.delayed == 1)
    }

    @Test("G12: off, it forgets; on, it is filled from the state")
    func rebuilt() {
        var broker = broker([.fixture(1), .fixture(2, job: "b")])
        _ = take(&broker)
        broker.setEnabled(false)
        #expect(offer(.fixture(3), to: &broker) == .disabled && broker.nextEventAt == nil)
        broker.setEnabled(true)
        #expect(broker.refusal(of: .id(1), for: .id(1, kind: 2)) == .notOutstanding)
        #expect(offer(.fixture(1), to: &broker) == .ready)
        #expect(take(&broker) == 1)
    }

    @Test("What the state says is over is forgotten wherever it is")
    func forgotten() {
        var delayed = Evaluation.fixture(3, job: "c")
        delayed.wait = .seconds(5)
        var broker = broker([.fixture(1), .fixture(2), delayed])
        broker.forget(.id(3, kind: 2))
        broker.forget(.id(1, kind: 2))
        broker.checkInvariants()

        #expect(broker.nextEventAt == nil && take(&broker) == 2)
        broker.forget(.id(2, kind: 2))
        #expect(broker.counts.delivered == 1, "its answer is still to come")
    }

    @Test("At its bound it refuses, and asks for more when half of it is gone")
    func bound() throws {
        var limits = EvaluationBroker.Limits()
        limits.evaluationsMax = 4
        var broker = EvaluationBroker(limits: limits)
        broker.setEnabled(true)
        let offers = (1...5).map { offer(.fixture($0, job: "j\($0)"), to: &broker) }
        #expect(offers == [.ready, .ready, .ready, .ready, .full])
        for number in 1...2 {
            #expect(!broker.needsRefill && take(&broker) == number)
            try acknowledge(number, &broker)
        }
        #expect(broker.needsRefill)
        broker.willRefill()
        #expect(!broker.needsRefill && offer(.fixture(5, job: "j5"), to: &broker) == .ready)
    }

    @Test("Any order of offers, answers and time keeps the invariants", arguments: 0..<20)
    func random(seed: UInt64) throws {
        var sequence = SeededSequence(seed: seed)
        var broker = broker()
        var now = Duration.zero
        var delivered: [(UniqueID, UniqueID)] = []
        for step in 1...400 {
            switch sequence.next(below: 8) {
            case 0...2:
                var evaluation = Evaluation.fixture(
                    step, job: "j\(sequence.next(below: 12))",
                    priority: 10 + sequence.next(below: 3),
                    type: JobType.allCases[sequence.next(below: 4)])
                if sequence.next(below: 4) == 0 { evaluation.wait = .seconds(7) }
                _ = offer(evaluation, to: &broker, at: now)
            case 3...4:
                if let delivery = broker.dequeue(
                    JobType.allCases, token: .id(step, kind: 5), at: now)
                {
                    delivered.append((delivery.evaluation.id, delivery.token))
                }
            case 5 where !delivered.isEmpty:
                let (id, token) = delivered.remove(at: sequence.next(below: delivered.count))
                guard broker.refusal(of: token, for: id) == nil else { continue }
                try broker.acknowledge(
                    id, token: token, at: now, unixNanoseconds: now.unixNanoseconds)
            case 6 where !delivered.isEmpty:
                let (id, token) = delivered.remove(at: sequence.next(below: delivered.count))
                guard broker.refusal(of: token, for: id) == nil else { continue }
                try broker.reject(id, token: token, at: now)
            default:
                now += .seconds(sequence.next(below: 40))
                broker.advance(to: now)
                for failing in broker.failing { broker.forget(failing.id) }
            }
            broker.checkInvariants()
        }
    }
}

extension Duration {
    var unixNanoseconds: Int64 { GoDuration(self).nanoseconds }
}
