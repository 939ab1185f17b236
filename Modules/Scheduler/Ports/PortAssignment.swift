// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What a group asks of networks.
struct PortAsk: Sendable {
    let group: NetworkRequest?
    /// By task: the deprecated networks of its own.
    let tasks: [NetworkRequest?]
    let isEmpty: Bool

    init(_ group: TaskGroup) {
        self.group = group.networks.first
        tasks = group.tasks.map { $0.resources.networks.first }
        isEmpty = group.networks.isEmpty && tasks.allSatisfy { $0 == nil }
    }

    /// Static ports, for those who look for who holds them.
    var staticPorts: [Int] {
        (group?.reservedPorts.map(\.value) ?? [])
            + tasks.flatMap { $0?.reservedPorts.map(\.value) ?? [] }
    }
}

/// The ports of one placement.
struct PortAssignment: Sendable {
    var networks: [AllocatedNetwork] = []
    var ports: [AllocatedPort] = []
    var tasks: [AllocatedNetwork?] = []

    /// Why a node cannot give the ports, as metrics name it.
    enum Refusal: Error {
        case collision(label: String, port: Int)
        case noDynamicPort
        case noAddress
        case noBandwidth

        var dimension: String {
            switch self {
            case .collision(let label, let port):
                "network: reserved port collision \(label)=\(port)"
            case .noDynamicPort: "network: dynamic port selection failed"
            case .noAddress: "network: no addresses available for default network"
            case .noBandwidth: "network: bandwidth exceeded"
            }
        }
    }

    /// Chooses addresses and numbers. The same ports, ask and seed give the same choice; `ports` is
    /// changed as the choice goes, so that the ask never meets itself.
    static func make(
        _ ask: PortAsk, in ports: inout NodePorts, seed: UInt64
    ) throws(Refusal) -> PortAssignment {
        var sequence = SeededSequence(seed: seed)
        var result = PortAssignment()
        if let group = ask.group {
            try result.assign(group: group, in: &ports, &sequence)
        }
        for network in ask.tasks {
            guard let network else {
                result.tasks.append(nil)
                continue
            }
            result.tasks.append(try assign(task: network, in: &ports, &sequence))
        }
        return result
    }

    private mutating func assign(
        group: NetworkRequest, in ports: inout NodePorts, _ sequence: inout SeededSequence
    ) throws(Refusal) {
        var network = AllocatedNetwork()
        network.mode = group.mode
        network.dns = group.dns
        for request in group.reservedPorts {
            let space = try Self.space(for: request, in: ports)
            ports.take(request.value, space: space)
            add(request, value: request.value, space: space, ports, &network.reservedPorts)
        }
        for request in group.dynamicPorts {
            let (space, value) = try Self.dynamic(request, in: ports, &sequence)
            ports.take(value, space: space)
            add(request, value: value, space: space, ports, &network.dynamicPorts)
        }
        let address = ports.candidates(hostNetwork: PortRequest.hostNetworkDefault).first ?? 0
        network.ip = ports.spaces[address].ip
        network.device = ports.spaces[address].device
        networks = [network]
    }

    private mutating func add(
        _ request: PortRequest, value: Int, space: Int, _ ports: NodePorts,
        _ list: inout [PortRequest]
    ) {
        var given = request
        given.value = value
        given.to = request.to == -1 ? value : request.to
        list.append(given)
        self.ports.append(
            AllocatedPort(
                label: request.label, value: value, to: given.to, hostIP: ports.spaces[space].ip))
    }

    private static func space(
        for request: PortRequest, in ports: NodePorts
    ) throws(Refusal) -> Int {
        let candidates = ports.candidates(hostNetwork: request.hostNetwork)
        guard !candidates.isEmpty else { throw .noAddress }
        for space in candidates where !ports.spaces[space].isTaken(request.value) { return space }
        throw .collision(label: request.label, port: request.value)
    }

    /// The first free number after a seeded start: as good as random, and never a second try.
    private static func dynamic(
        _ request: PortRequest, in ports: NodePorts, _ sequence: inout SeededSequence
    ) throws(Refusal) -> (space: Int, port: Int) {
        let candidates = ports.candidates(hostNetwork: request.hostNetwork)
        guard !candidates.isEmpty else { throw .noAddress }
        let start = sequence.next(below: ports.dynamicPorts.count)
        for space in candidates {
            if let port = free(ports.spaces[space], ports.dynamicPorts, start: start) {
                return (space, port)
            }
        }
        throw .noDynamicPort
    }

    private static func free(
        _ space: NodePorts.Space, _ range: ClosedRange<Int>, start: Int
    ) -> Int? {
        for step in 0..<range.count {
            let port = range.lowerBound + (start + step) % range.count
            if !space.isTaken(port) { return port }
        }
        return nil
    }

    /// All of a task's network is at one address, whose card has the bandwidth.
    private static func assign(
        task: NetworkRequest, in ports: inout NodePorts, _ sequence: inout SeededSequence
    ) throws(Refusal) -> AllocatedNetwork {
        var refusal = Refusal.noAddress
        for space in ports.spaces.indices {
            do throws(Refusal) {
                var trial = ports
                let network = try assign(task: task, space: space, in: &trial, &sequence)
                ports = trial
                return network
            } catch {
                refusal = error
            }
        }
        throw refusal
    }

    private static func assign(
        task: NetworkRequest, space: Int, in ports: inout NodePorts,
        _ sequence: inout SeededSequence
    ) throws(Refusal) -> AllocatedNetwork {
        let megabits = Amount.clamped(task.megabits)
        let address = ports.spaces[space]
        guard megabits == 0 || address.usedMegabits + megabits <= address.megabits else {
            throw .noBandwidth
        }
        ports.take(megabits: megabits, space: space)
        var network = AllocatedNetwork()
        network.mode = task.mode
        network.dns = task.dns
        network.ip = address.ip
        network.device = address.device
        network.megabits = task.megabits
        for request in task.reservedPorts {
            guard !ports.spaces[space].isTaken(request.value) else {
                throw .collision(label: request.label, port: request.value)
            }
            ports.take(request.value, space: space)
            network.reservedPorts.append(request)
        }
        for request in task.dynamicPorts {
            let start = sequence.next(below: ports.dynamicPorts.count)
            guard let port = free(ports.spaces[space], ports.dynamicPorts, start: start) else {
                throw .noDynamicPort
            }
            ports.take(port, space: space)
            var given = request
            given.value = port
            given.to = request.to == -1 ? port : request.to
            network.dynamicPorts.append(given)
        }
        return network
    }
}
