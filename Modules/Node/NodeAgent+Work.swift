// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletTransport

// What there is to run, and what has become of it.

extension NodeAgent {
    private static var waitSeconds: Int { 60 }
    static var updatesMax: Int { 500 }
    private static var pullMax: Int { 512 }
    private static var updatePause: Duration { .milliseconds(50) }

    /// Between two questions for news: what comes meanwhile is one answer. A question names each
    /// node, so that it costs the more the more there are.
    private var watchPause: Duration { .milliseconds(100 + ids.count / 50) }

    /// Of one node all that it has is asked for each time, of many what has changed.
    func watch() {
        let isOne = ids.count == 1
        let isComplete = isOne || watchedIndex == 0
        let place = isOne ? "node/\(ids[0])" : "nodes"
        let path =
            "/v1/martlet/\(place)/allocations?wait=\(Self.waitSeconds)s&index=\(watchedIndex)"
        ask(
            .watch, isOne ? .get : .post, path, isOne ? nil : NodeAgentBody.nodes(ids),
            timeout: .seconds(2 * Self.waitSeconds)
        ) { agent, answer, status in
            if status == 404 { agent.beatSoon() }
            guard let answer,
                let told = agent.read({ () throws(APIError) in
                    try NodeAllocationIndexes(parsing: answer)
                })
            else { return agent.after(Self.retryDelay, .watch) { $0.watch() } }
            agent.heard(told, isComplete: isComplete)
            agent.after(agent.watchPause, .watch) { $0.watch() }
        }
    }

    /// Everything is asked for, and at once: the question that waits may be one for the news of a cluster that is no
    /// more, and no change tells of an allocation that the servers have forgotten.
    func watchAnew() {
        watchedIndex = 0
        links.cutOff(.news)
    }

    private func heard(_ told: NodeAllocationIndexes, isComplete: Bool) {
        // Of a cluster that has begun anew, everything is asked for.
        watchedIndex = told.index < watchedIndex ? 0 : told.index
        let wanted = fleet.listed(told, isComplete: isComplete, at: instant)
        let waiting = Set(toPull)
        toPull += wanted.filter { !waiting.contains($0) }
        fleetChanged()
        pull()
    }

    private func pull() {
        guard !isPulling, !toPull.isEmpty else { return }
        isPulling = true
        let wanted = Array(toPull.prefix(Self.pullMax))
        ask(
            .pull, .post, "/v1/martlet/allocations/pull", NodeAgentBody.allocations(wanted),
            timeout: Self.requestTimeout
        ) { agent, answer, _ in
            agent.isPulling = false
            guard let answer,
                let pulled = agent.read({ () throws(APIError) in try Assignment.parse(answer) })
            else { return agent.after(Self.retryDelay, .pull) { $0.pull() } }
            agent.took(pulled, of: wanted)
        }
    }

    private func took(_ pulled: [Assignment], of wanted: [UniqueID]) {
        // Those behind the last that came did not fit; those before it are gone.
        let last = pulled.last.flatMap { last in wanted.lastIndex(of: last.id) }
        let answered = last.map { $0 + 1 } ?? wanted.count
        toPull.removeFirst(min(toPull.count, answered))
        fleet.assign(pulled, at: instant)
        // Forgotten since it was listed, and no news will tell that what runs of it has to end.
        if pulled.count < answered { watchAnew() }
        fleetChanged()
        pull()
    }

    /// Something has happened there.
    package func fleetChanged() {
        if let next = fleet.nextEventAt {
            after(max(.zero, next - loop.now), .timetable) { agent in
                agent.fleet.advance(to: agent.instant)
                agent.fleetChanged()
            }
        }
        guard isServing, !isGathering, fleet.updateCount >= leastToTell else { return }
        tellAfter(Self.updatePause)
    }

    private func tellAfter(_ pause: Duration) {
        isGathering = true
        after(pause, .tell) { agent in
            agent.isGathering = false
            agent.tell()
        }
    }

    /// Several at once where there is much to tell; one, while one that is refused is looked for.
    private func tell() {
        let most = tellMax < Self.updatesMax ? 1 : NodeLinks.wordsMax
        while tellingCount < most, fleet.updateCount >= leastToTell { tellOnce() }
    }

    /// Beside another request only a full one is worth while.
    private var leastToTell: Int { tellingCount == 0 ? 1 : Self.updatesMax }

    private func tellOnce() {
        let (updates, rest) = UpdateBatch.cut(fleet.takeUpdates(max: tellMax))
        fleet.putBack(rest)
        guard !updates.isEmpty else { return }
        tellingCount += 1
        ask(
            .tell, .put, "/v1/martlet/allocations", NodeAgentBody.updates(updates),
            timeout: Self.requestTimeout
        ) { agent, answer, status in
            agent.tellingCount -= 1
            if let answer,
                let index = agent.read({ () throws(APIError) in
                    try WriteIndexResponse(parsing: answer).index
                })
            {
                agent.tellMax = min(2 * agent.tellMax, Self.updatesMax)
                agent.fleet.told(updates, at: index)
                return agent.tell()
            }
            agent.untold(updates, status)
            agent.tellAfter(Self.retryDelay)
        }
    }

    /// One that servers will never take must not hold up the others: it is looked for among them.
    private func untold(_ updates: [AllocationUpdate], _ status: Int) {
        guard [400, 403, 413].contains(status) else { return fleet.putBack(updates) }
        tellMax = max(1, updates.count / 2)
        guard updates.count == 1 else { return fleet.putBack(updates) }
        warn("\(updates[0].id): what became of it is not told: servers refuse it (\(status))")
        fleet.told(updates, at: 0)
    }
}
