// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletTransport

/// Asks the servers of `martlet dev`, each for itself, and one of them about all. On the loop.
final class DevWatch {
    private let loop: any Loop
    private let clients: [APIClient]
    private let plans: [DevServerPlan]
    private var isLooking = false

    private static let failing = "Error looking at the cluster"
    /// One that takes longer is left out of the picture.
    private static let timeout: Duration = .milliseconds(800)

    init(_ plans: [DevServerPlan], loop: any Loop, streams: any Streams) {
        self.plans = plans
        self.loop = loop
        clients = plans.map {
            APIClient(
                loop: loop, streams: streams, address: DevServerPlan.address($0.http), token: nil,
                responseBytesMax: 1 << 20)
        }
    }

    func stop() { for client in clients { client.close() } }

    /// Looks once; nothing happens while a look is under way.
    ///
    /// - Parameters:
    ///   - numbers: who can be asked.
    ///   - cutOff: what these say of the others is asked for last.
    func look(
        at numbers: [Int], cutOff: Set<Int>, seen: @escaping (DevPicture) -> Void
    ) {
        guard !isLooking else { return }
        isLooking = true
        let done = { [weak self] (picture: DevPicture) in
            self?.isLooking = false
            seen(picture)
        }
        guard !numbers.isEmpty else { return loop.atEndOfTurn { done(DevPicture()) } }
        let look = Look(waiting: numbers.count)
        for number in numbers {
            get("/v1/agent/self", from: number) { [weak self] response in
                look.picture.facts[number] = response.flatMap(Self.facts)
                look.waiting -= 1
                if look.waiting == 0 { self?.ask(Self.order(look.picture, cutOff), look, done) }
            }
        }
    }

    private final class Look {
        var waiting: Int
        var picture = DevPicture()

        init(waiting: Int) { self.waiting = waiting }
    }

    /// Whom to ask about all: a leader rather than others, and those who hear the others first.
    static func order(_ picture: DevPicture, _ cutOff: Set<Int>) -> [Int] {
        func rank(_ number: Int) -> (Int, Int, Int) {
            let isLeader = picture.leader?.number == number
            return (cutOff.contains(number) ? 1 : 0, isLeader ? 0 : 1, number)
        }
        return picture.facts.keys.sorted { rank($0) < rank($1) }
    }

    /// The first who answers decides.
    private func ask(
        _ numbers: [Int], _ look: Look, _ done: @escaping (DevPicture) -> Void
    ) {
        guard let number = numbers.first else { return done(look.picture) }
        get("/v1/operator/autopilot/state?wait_for_leader=0s", from: number) {
            [weak self] response in
            guard let self, let response else {
                self?.ask(Array(numbers.dropFirst()), look, done)
                return
            }
            look.picture.source = plans[number - 1].name
            if response.status == 200 {
                look.picture.overview = Self.overview(response)
                return done(look.picture)
            }
            askWithoutLeader(number, Text.reason(response.body), look, done)
        }
    }

    private func askWithoutLeader(
        _ number: Int, _ reason: String, _ look: Look, _ done: @escaping (DevPicture) -> Void
    ) {
        get("/v1/operator/raft/configuration?stale", from: number) { [weak self] configuration in
            self?.get("/v1/agent/members", from: number) { members in
                look.picture.overview = Self.overview(reason, configuration, members)
                done(look.picture)
            }
        }
    }

    private func get(
        _ target: String, from number: Int, _ then: @escaping (ClientResponse?) -> Void
    ) {
        clients[number - 1].send(.get, target, body: nil, timeout: Self.timeout) { result in
            switch result {
            case .success(let response): then(response)
            case .failure: then(nil)
            }
        }
    }

    // MARK: Reading answers: one that cannot be read is as none

    private static func facts(_ response: ClientResponse) -> DevPicture.Facts? {
        read { () throws(CLIFailure) in
            try DevPicture.Facts(Answer(response, failing: failing))
        }
    }

    private static func overview(_ response: ClientResponse) -> Overview? {
        read { () throws(CLIFailure) in try Overview(state: Answer(response, failing: failing)) }
    }

    private static func overview(
        _ reason: String, _ configuration: ClientResponse?, _ members: ClientResponse?
    ) -> Overview? {
        guard let configuration, let members, configuration.status == 200, members.status == 200
        else { return nil }
        return read { () throws(CLIFailure) in
            try Overview(
                withoutLeader: reason,
                configuration: Answer(configuration, failing: failing),
                members: Answer(members, failing: failing))
        }
    }

    private static func read<Value>(_ body: () throws(CLIFailure) -> Value) -> Value? {
        do throws(CLIFailure) { return try body() } catch { return nil }
    }
}
