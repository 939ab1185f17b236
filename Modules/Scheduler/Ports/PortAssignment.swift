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

/// A node's ports, with what one placement has taken of them so far: the node's own lists are not copied.
private struct PortTrial {
    let ports: NodePorts
    private var taken: [(space: Int, port: Int)] = []
    private var megabits: [(space: Int, count: Int)] = []

    init(_ ports: NodePorts) { self.ports = ports }

    func isTaken(_ port: Int, _ space: Int) -> Bool {
        taken.contains { $0.port == port && $0.space == space }
            || ports.spaces[space].isTaken(port)
    }

    mutating func take(_ port: Int, space: Int) { taken.append((space, port)) }

    /// False if the card has not so much left.
    mutating func take(megabits count: Int, space: Int) -> Bool {
        guard count > 0 else { return true }
        let used = megabits.reduce(ports.spaces[space].usedMegabits) {
            $0 + ($1.space == space ? $1.count : 0)
        }
        guard used + count <= ports.spaces[space].megabits else { return false }
        megabits.append((space, count))
        return true
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

    /// Chooses addresses and numbers. The same ports, ask and seed give the same choice.
    static func make(
        _ ask: PortAsk, in ports: NodePorts, seed: UInt64
    ) throws(Refusal) -> PortAssignment {
        var ports = PortTrial(ports)
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
        group: NetworkRequest, in ports: inout PortTrial, _ sequence: inout SeededSequence
    ) throws(Refusal) {
        var network = AllocatedNetwork()
        network.mode = group.mode
        network.dns = group.dns
        for request in group.reservedPorts {
            let space = try Self.space(for: request, in: ports)
            ports.take(request.value, space: space)
            add(request, value: request.value, space: space, ports.ports, &network.reservedPorts)
        }
        for request in group.dynamicPorts {
            let (space, value) = try Self.dynamic(request, in: ports, &sequence)
            ports.take(value, space: space)
            add(request, value: value, space: space, ports.ports, &network.dynamicPorts)
        }
        let address = ports.ports.candidates(hostNetwork: PortRequest.hostNetworkDefault).first ?? 0
        network.ip = ports.ports.spaces[address].ip
        network.device = ports.ports.spaces[address].device
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
        for request: PortRequest, in ports: PortTrial
    ) throws(Refusal) -> Int {
        let candidates = ports.ports.candidates(hostNetwork: request.hostNetwork)
        guard !candidates.isEmpty else { throw .noAddress }
        for space in candidates where !ports.isTaken(request.value, space) { return space }
        throw .collision(label: request.label, port: request.value)
    }

    /// The first free number after a seeded start: as good as random, and never a second try.
    private static func dynamic(
        _ request: PortRequest, in ports: PortTrial, _ sequence: inout SeededSequence
    ) throws(Refusal) -> (space: Int, port: Int) {
        let candidates = ports.ports.candidates(hostNetwork: request.hostNetwork)
        guard !candidates.isEmpty else { throw .noAddress }
        let start = sequence.next(below: ports.ports.dynamicPorts.count)
        for space in candidates {
            if let port = free(ports, space, start: start) {
                return (space, port)
            }
        }
        throw .noDynamicPort
    }

    private static func free(_ ports: PortTrial, _ space: Int, start: Int) -> Int? {
        let range = ports.ports.dynamicPorts
        for step in 0..<range.count {
            let port = range.lowerBound + (start + step) % range.count
            if !ports.isTaken(port, space) { return port }
        }
        return nil
    }

    /// All of a task's network is at one address, whose card has the bandwidth.
    private static func assign(
        task: NetworkRequest, in ports: inout PortTrial, _ sequence: inout SeededSequence
    ) throws(Refusal) -> AllocatedNetwork {
        var refusal = Refusal.noAddress
        for space in ports.ports.spaces.indices {
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
        task: NetworkRequest, space: Int, in ports: inout PortTrial,
        _ sequence: inout SeededSequence
    ) throws(Refusal) -> AllocatedNetwork {
        let megabits = Amount.clamped(task.megabits)
        let address = ports.ports.spaces[space]
        guard ports.take(megabits: megabits, space: space) else { throw .noBandwidth }
        var network = AllocatedNetwork()
        network.mode = task.mode
        network.dns = task.dns
        network.ip = address.ip
        network.device = address.device
        network.megabits = task.megabits
        for request in task.reservedPorts {
            guard !ports.isTaken(request.value, space) else {
                throw .collision(label: request.label, port: request.value)
            }
            ports.take(request.value, space: space)
            network.reservedPorts.append(request)
        }
        for request in task.dynamicPorts {
            let start = sequence.next(below: ports.ports.dynamicPorts.count)
            guard let port = free(ports, space, start: start) else {
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
