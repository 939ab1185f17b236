// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Ports and devices: scenarios C") struct PortScenarioTests {
    private func job(
        count: Int = 1, reserved: [Int] = [], dynamic: Int = 0, to: Int = 0,
        hostNetwork: String = "default"
    ) -> Job {
        World.job(count: count) { job in
            var network = NetworkRequest()
            network.reservedPorts = reserved.map {
                PortRequest(label: "p\($0)", value: $0, hostNetwork: hostNetwork)
            }
            network.dynamicPorts = (0..<dynamic).map {
                PortRequest(label: "d\($0)", to: to, hostNetwork: hostNetwork)
            }
            job.groups[0].networks = [network]
        }
    }

    @Test("C2: dynamic ports are in their range, and never meet another or a reserved one")
    func dynamic() throws {
        let world = World()
        world.node {
            $0.resources.minDynamicPort = 20_000
            $0.resources.maxDynamicPort = 20_019
            $0.reserved.reservedHostPorts = "20000-20004, 22"
        }
        world.place(job(reserved: [20_005]))
        world.place(job(count: 2, dynamic: 7, to: -1))
        var ports: [Int] = []
        for allocation in world.allocations.values {
            for port in allocation.resources.value.ports {
                ports.append(port.value)
                if port.label.hasPrefix("d") { #expect(port.to == port.value) }
            }
        }
        #expect(ports.sorted() == Array(20_005...20_019))

        let failure = try #require(world.plan(job(dynamic: 1)).failures.first)
        #expect(failure.dimensionExhausted == ["network: dynamic port selection failed": 1])
    }

    @Test("C3: a static port is there once on each node", arguments: [1, 2])
    func fixed(nodes: Int) {
        let world = World()
        for _ in 0..<nodes { world.node() }
        let outcomes = world.plan(job(count: 2, reserved: [8080]))
        #expect(outcomes.placed.count == nodes)
        if nodes == 1 {
            #expect(
                outcomes.failures.first?.dimensionExhausted
                    == ["network: reserved port collision p8080=8080": 1])
        }
    }

    /// The ports of the second card were never seen as taken, so that plans on it were refused for good.
    @Test("Two cards with one address have one set of ports")
    func sameAddress() {
        let world = World()
        world.node {
            $0.resources.networks = ["eth0", "eth1"].map {
                NodeNetworkDevice(device: $0, ip: "10.0.0.1", cidr: "", megabits: 1000)
            }
        }
        let job = World.job(count: 2) {
            $0.groups[0].tasks[0].resources.networks = [NetworkRequest()]
            $0.groups[0].tasks[0].resources.networks[0].reservedPorts = [
                PortRequest(label: "p", value: 8080)
            ]
        }
        #expect(world.place(job).placed.count == 1)
    }

    @Test("Ports of different addresses of a node do not meet")
    func addresses() throws {
        let world = World()
        world.node {
            $0.resources.nodeNetworks = [
                NodeNetwork(addresses: [
                    NodeAddress(alias: "default", address: "10.0.0.1"),
                    NodeAddress(alias: "public", address: "1.2.3.4", reservedPorts: "80"),
                ])
            ]
        }
        #expect(world.place(job(reserved: [8080])).placed.count == 1)
        let other = try #require(
            world.place(job(reserved: [8080], hostNetwork: "public")).placed.first)
        #expect(other.resources.value.ports.map(\.hostIP) == ["1.2.3.4"])
        #expect(world.plan(job(reserved: [80], hostNetwork: "public")).placed.isEmpty)
        let none = world.plan(job(reserved: [81], hostNetwork: "nowhere"))
        #expect(none.failures.first?.constraintFiltered == ["missing network": 1])
    }

    private func gpus(_ world: World, _ groups: [(vendor: String, name: String, count: Int)]) {
        world.node { node in
            node.resources.devices = groups.map { group in
                NodeDeviceGroup(
                    vendor: group.vendor, type: "gpu", name: group.name,
                    instances: (0..<group.count).map { NodeDevice(id: "\(group.name)-\($0)") })
            }
        }
    }

    private func asking(_ name: String, _ count: Int, affinities: [Affinity] = []) -> Job {
        World.job {
            $0.groups[0].tasks[0].resources.devices = [
                DeviceRequest(name: name, count: count, affinities: affinities)
            ]
        }
    }

    @Test(
        "C5: a request names a type, a vendor or a model, and is met by one group",
        arguments: [
            ("gpu", 2, true), ("nvidia/gpu", 2, true), ("nvidia/gpu/1080ti", 2, true),
            ("amd/gpu", 2, false), ("nvidia/gpu/1080ti", 3, false), ("gpu", 3, false),
            ("fpga", 1, false),
        ])
    func deviceNames(name: String, count: Int, isPlaced: Bool) throws {
        let world = World()
        gpus(world, [("nvidia", "1080ti", 2), ("amd", "mi25", 1)])
        let outcomes = world.plan(asking(name, count))
        #expect(outcomes.placed.isEmpty != isPlaced)
        if let placed = outcomes.placed.first {
            let devices = placed.resources.value.tasks[0].devices
            #expect(devices.map(\.deviceIDs) == [["1080ti-0", "1080ti-1"]])
        } else {
            #expect(outcomes.failures.first?.constraintFiltered == ["missing devices": 1])
        }
    }

    private func asking(_ requests: [(name: String, count: Int)]) -> Job {
        World.job {
            $0.groups[0].tasks[0].resources.devices = requests.map {
                DeviceRequest(name: $0.name, count: $0.count)
            }
        }
    }

    /// Requests took the best group one after the other: of a=10 and b=7 the first took of b, and 4 of b were
    /// not there for the second.
    @Test(
        "C5: requests that want the same group leave it to who needs it",
        arguments: [
            [("gpu", 4), ("v/gpu/b", 4)], [("v/gpu/b", 4), ("gpu", 4)],
            [("gpu", 5), ("gpu", 5), ("v/gpu/b", 7)], [("gpu", 3), ("v/gpu/b", 7), ("gpu", 7)],
        ])
    func sharedGroups(requests: [(name: String, count: Int)]) throws {
        let world = World()
        gpus(world, [("v", "a", 10), ("v", "b", 7)])
        let placed = try #require(world.plan(asking(requests)).placed.first)
        let devices = placed.resources.value.tasks[0].devices
        #expect(devices.map(\.deviceIDs.count) == requests.map(\.count))
        let ids = devices.flatMap(\.deviceIDs)
        #expect(Set(ids).count == ids.count)
        for (device, request) in zip(devices, requests) where request.name != "gpu" {
            #expect(device.name == "b")
        }
    }

    @Test("C5: what cannot be is found to be so, and what can be is found")
    func allWays() {
        var sequence = SeededSequence(seed: 7)
        let names = ["a", "b", "c"]
        for _ in 0..<600 {
            let sizes = (0...sequence.next(below: 3)).map { _ in sequence.next(below: 7) }
            var requests: [(name: String, count: Int)] = []
            for _ in 0...sequence.next(below: 4) {
                let model = sequence.next(below: 6)
                let name = model < 3 ? "v/gpu/\(names[model])" : "gpu"
                requests.append((name, 1 + sequence.next(below: 4)))
            }
            func fits(_ rest: ArraySlice<(name: String, count: Int)>, _ left: [Int]) -> Bool {
                guard let first = rest.first else { return true }
                return left.indices.contains { group in
                    let isMeant = first.name == "gpu" || first.name == "v/gpu/\(names[group])"
                    guard isMeant, left[group] >= first.count else { return false }
                    var next = left
                    next[group] -= first.count
                    return fits(rest.dropFirst(), next)
                }
            }
            let world = World()
            gpus(world, zip(names, sizes).map { ("v", $0, $1) })
            let outcomes = world.plan(asking(requests))
            let isPossible = fits(requests[...], sizes)
            #expect(outcomes.placed.isEmpty != isPossible, "\(sizes) \(requests)")
            if !isPossible {
                #expect(outcomes.failures.first?.constraintFiltered == ["missing devices": 1])
            }
        }
    }

    @Test("C5: unhealthy instances and those in use are not given")
    func health() {
        let world = World()
        world.node { node in
            node.resources.devices = [
                NodeDeviceGroup(
                    vendor: "nvidia", type: "gpu", name: "a",
                    instances: [
                        NodeDevice(id: "0", isHealthy: false), NodeDevice(id: "1"),
                        NodeDevice(id: "2"),
                    ])
            ]
        }
        let placed = world.place(asking("gpu", 1)).placed
        #expect(placed.first?.resources.value.tasks[0].devices.first?.deviceIDs == ["1"])
        #expect(world.place(asking("gpu", 1)).placed.count == 1)
        let failure = world.plan(asking("gpu", 1)).failures.first
        #expect(failure?.dimensionExhausted == ["devices": 1])
    }

    @Test("C6: affinities for devices are one score")
    func affinity() throws {
        let world = World()
        gpus(world, [("nvidia", "a", 1), ("nvidia", "b", 1)])
        let wish = [
            Affinity("${device.model}", "=", "b", weight: 60),
            Affinity("${device.vendor}", "=", "amd", weight: 40),
        ]
        let placed = try #require(world.plan(asking("gpu", 1, affinities: wish)).placed.first)
        #expect(placed.resources.value.tasks[0].devices.first?.name == "b")
        #expect(placed.score("devices") == 0.6)
    }

    @Test("C8: the group with the fewest free instances that still fits is taken")
    func bestFit() throws {
        let world = World()
        gpus(world, [("nvidia", "large", 8), ("nvidia", "small", 2), ("nvidia", "tiny", 1)])
        let placed = try #require(world.plan(asking("gpu", 2)).placed.first)
        #expect(placed.resources.value.tasks[0].devices.first?.name == "small")
    }

    @Test("Device attributes are compared with their units")
    func attributes() {
        let world = World()
        world.node { node in
            node.resources.devices = [
                NodeDeviceGroup(
                    vendor: "nvidia", type: "gpu", name: "a", instances: [NodeDevice(id: "0")],
                    attributes: ["memory": DeviceAttribute(.int(11_441), unit: "MiB")])
            ]
        }
        for (bound, placed) in [("8 GiB", 1), ("12 GiB", 0), ("8 GHz", 0)] {
            var job = asking("gpu", 1)
            job.groups[0].tasks[0].resources.devices[0].constraints = [
                Constraint("${device.attr.memory}", ">=", bound)
            ]
            // Units of different kinds are compared as texts: "11441" is before "8 GHz".
            #expect(world.plan(job).placed.count == placed)
        }
    }

    @Test("Cores are given to one task alone, and bring their MHz")
    func cores() throws {
        let world = World()
        world.node {
            $0.resources.totalCores = 4
            $0.resources.reservableCores = [0, 1, 2, 3]
            $0.reserved.reservedCores = [0]
        }
        let job = World.job {
            $0.groups[0].tasks[0].resources = TaskResources(cpu: 0, memoryMB: 100, cores: 2)
        }
        let placed = try #require(world.place(job).placed.first)
        #expect(placed.resources.value.tasks[0].reservedCores == [1, 2])
        #expect(placed.resources.value.tasks[0].cpu == 2000)
        let failure = try #require(world.plan(job).failures.first)
        #expect(failure.dimensionExhausted == ["cores": 1])
    }
}
