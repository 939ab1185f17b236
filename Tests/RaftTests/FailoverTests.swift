// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

/// How leaders are replaced. Figures over 2,000 seeds are in `docs/internals/figures.md`.
@Suite("Failover (C4, C5) and priority") struct FailoverTests {
    enum Fault: CaseIterable {
        /// Killed: its connections end.
        case reset
        /// Cut off: nobody is told.
        case isolated
        /// Stopped as by SIGSTOP, and let go on three seconds later.
        case paused
    }

    static let seeds: UInt64 = 100

    struct Result {
        var inOneTerm = 0
        var terms: [UInt64: Int] = [:]
        var times: [Duration] = []

        func percentile(_ part: Int) -> Duration { times.sorted()[(times.count - 1) * part / 100] }
    }

    static func measure(_ fault: Fault, seeds: UInt64) throws -> Result {
        var result = Result()
        for seed in 0..<seeds {
            var cluster = Cluster(seed: seed, voters: 3)
            let leader = try cluster.elect()
            cluster.run(for: .milliseconds(1_000 + cluster.generator.below(100)))
            let term = try #require(cluster.servers[leader].core?.term)
            let start = cluster.now
            switch fault {
            case .reset:
                cluster.crash(leader)
                for position in 0..<3 {
                    cluster.input(.connectionLost(Cluster.id(leader + 1)), to: position)
                }
            case .isolated: cluster.cut = [leader]
            case .paused: cluster.pause(leader)
            }
            while cluster.leader == leader || cluster.leader == nil,
                cluster.advance(until: start + .seconds(10))
            {}
            result.times.append(cluster.now - start)
            cluster.run(for: .seconds(3))
            cluster.resume(leader)
            cluster.run(for: .seconds(1))
            let successor = try #require(cluster.leader)
            let terms = (cluster.servers[successor].core?.term.number ?? 0) - term.number
            result.terms[terms, default: 0] += 1
            if terms == 1, successor != leader { result.inOneTerm += 1 }
        }
        return result
    }

    @Test(
        "A leader is replaced in exactly one term in 95 of 100 failovers, and in time",
        arguments: [
            (Fault.reset, Duration.milliseconds(60)), (.isolated, .milliseconds(1_200)),
            (.paused, .milliseconds(1_200)),
        ])
    func oneTerm(fault: Fault, limit: Duration) throws {
        let result = try Self.measure(fault, seeds: Self.seeds)
        #expect(result.inOneTerm * 100 >= 95 * Int(Self.seeds), "\(result.terms)")
        #expect(result.percentile(99) <= limit, "\(fault): \(result.percentile(99))")
    }

    // MARK: - Priority

    @Test("A server with less priority leaves the first attempt to the others")
    func priority() throws {
        var won = 0
        for seed in 0..<100 as Range<UInt64> {
            var cluster = Cluster(seed: seed, voters: 3) { position, server in
                server.options.priority = position == 2 ? 10 : 0
            }
            let leader = try cluster.elect()
            cluster.run(for: .milliseconds(1_050))
            cluster.crash(leader)
            for position in 0..<3 {
                cluster.input(.connectionLost(Cluster.id(leader + 1)), to: position)
            }
            let start = cluster.now
            let successor = try cluster.elect()
            #expect(cluster.now - start < .milliseconds(200))
            if leader == 2 || successor == 2 { won += 1 }
        }
        #expect(won == 100)
    }

    @Test("Priority keeps nobody from being elected: the lowest of all, alone with a log, leads")
    func alone() throws {
        var subject = Subject(terms: [1, 1], options: .reluctant)
        let first = subject.core.deadline ?? .zero
        #expect(first >= .milliseconds(750) && first < .milliseconds(1_250))
        subject.timeOut()
        #expect(subject.role == .preCandidate)
        let second = (subject.core.deadline ?? .zero) - subject.now
        #expect(second <= .milliseconds(500), "only the first attempt waits for others")
    }
}

extension Options {
    fileprivate static var reluctant: Options {
        var options = Options()
        options.priority = 0
        return options
    }
}
