// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// A node without its indexes; its class follows from it.

extension ByteWriter {
    /// - Parameter version: of commands; from 6 on the secret's digest may stand in its place.
    mutating func write(_ node: Node, version: UInt8) {
        write(id: node.id)
        if version < Command.poolVersion {
            write(id: node.secretID)
        } else {
            write(node.secretDigest != nil)
            if let digest = node.secretDigest {
                write(raw: digest.bytes)
            } else {
                write(id: node.secretID)
            }
        }
        write(string: node.name)
        write(string: node.datacenter)
        write(string: node.nodePool)
        write(string: node.nodeClass)
        write(map: node.attributes)
        write(map: node.meta)
        write(map: node.links)
        write(map: node.drivers) {
            $0.write($1.isDetected)
            $0.write($1.isHealthy)
            $0.write(string: $1.healthDescription)
            $0.write(map: $1.attributes)
            $0.write($1.updateUnixNanoseconds)
        }
        write(map: node.hostVolumes) {
            $0.write(string: $1.path)
            $0.write($1.isReadOnly)
        }
        write(node.resources)
        write(node.reserved)
        write(string: node.httpAddress)
        write(node.isTLSEnabled)
        write(choice: node.status)
        write(string: node.statusDescription)
        write(choice: node.eligibility)
        write(optional: node.drain) { $0.write($1) }
        write(optional: node.lastDrain) {
            $0.write($1.startedUnixNanoseconds)
            $0.write($1.updatedUnixNanoseconds)
            $0.write(choice: $1.status)
            $0.write(string: $1.accessorID)
            $0.write(map: $1.meta)
        }
        write(node.statusUpdatedUnixSeconds)
        write(list: node.events) { $0.write($1) }
    }

    mutating func write(_ drain: DrainStrategy) {
        write(drain.deadline.nanoseconds)
        write(drain.ignoresSystemJobs)
        write(drain.forceDeadlineUnixNanoseconds)
        write(drain.startedUnixNanoseconds)
    }

    mutating func write(_ event: NodeEvent) {
        write(string: event.message)
        write(string: event.subsystem)
        write(map: event.details)
        write(event.unixNanoseconds)
        write(event.createIndex)
    }

    private mutating func write(_ resources: NodeResources) {
        write(number: resources.cpu)
        write(number: resources.totalCores)
        write(cores: resources.reservableCores)
        write(number: resources.memoryMB)
        write(number: resources.diskMB)
        write(list: resources.networks) {
            $0.write(string: $1.mode)
            $0.write(string: $1.device)
            $0.write(string: $1.cidr)
            $0.write(string: $1.ip)
            $0.write(number: $1.megabits)
        }
        write(list: resources.nodeNetworks) {
            $0.write(string: $1.mode)
            $0.write(string: $1.device)
            $0.write(string: $1.macAddress)
            $0.write(number: $1.speed)
            $0.write(list: $1.addresses) {
                $0.write(string: $1.alias)
                $0.write(string: $1.address)
                $0.write(string: $1.family)
                $0.write(string: $1.reservedPorts)
            }
        }
        write(list: resources.devices) { $0.write($1) }
        write(number: resources.minDynamicPort)
        write(number: resources.maxDynamicPort)
    }

    private mutating func write(_ reserved: ReservedResources) {
        write(number: reserved.cpu)
        write(cores: reserved.reservedCores)
        write(number: reserved.memoryMB)
        write(number: reserved.diskMB)
        write(string: reserved.reservedHostPorts)
    }

    private mutating func write(_ device: NodeDeviceGroup) {
        write(string: device.vendor)
        write(string: device.type)
        write(string: device.name)
        write(list: device.instances) {
            $0.write(string: $1.id)
            $0.write($1.isHealthy)
            $0.write(string: $1.healthDescription)
        }
        write(map: device.attributes) {
            switch $1.value {
            case .int(let value):
                $0.write(0 as UInt8)
                $0.write(value)
            case .float(let value):
                $0.write(1 as UInt8)
                $0.write(value.bitPattern)
            case .string(let value):
                $0.write(2 as UInt8)
                $0.write(string: value)
            case .bool(let value):
                $0.write(3 as UInt8)
                $0.write(value)
            }
            $0.write(string: $1.unit)
        }
    }
}

extension StateReader {
    mutating func digest() throws(StateError) -> TokenDigest {
        guard let digest = TokenDigest(try raw(count: TokenDigest.bytesCount)) else {
            throw .malformed("no digest")
        }
        return digest
    }

    mutating func node(version: UInt8) throws(StateError) -> Node {
        var node = Node(id: try id())
        if version >= Command.poolVersion, try bool() {
            node.seal(try digest())
        } else {
            node.secretID = try id()
        }
        node.name = try string()
        node.datacenter = try string()
        node.nodePool = try string()
        node.nodeClass = try string()
        node.attributes = try stringMap()
        node.meta = try stringMap()
        node.links = try stringMap()
        node.drivers = try map { (reader) throws(StateError) in
            var driver = DriverState(
                isDetected: try reader.bool(), isHealthy: try reader.bool(),
                healthDescription: try reader.string())
            driver.attributes = try reader.stringMap()
            driver.updateUnixNanoseconds = try reader.int64()
            return driver
        }
        node.hostVolumes = try map { (reader) throws(StateError) in
            HostVolume(path: try reader.string(), isReadOnly: try reader.bool())
        }
        node.resources = try nodeResources()
        node.reserved = try reservedResources()
        node.httpAddress = try string()
        node.isTLSEnabled = try bool()
        node.status = try choice()
        node.statusDescription = try string()
        node.eligibility = try choice()
        node.drain = try optional { (reader) throws(StateError) in try reader.drain() }
        node.lastDrain = try optional { (reader) throws(StateError) in
            DrainRecord(
                startedUnixNanoseconds: try reader.int64(),
                updatedUnixNanoseconds: try reader.int64(), status: try reader.choice(),
                accessorID: try reader.string(), meta: try reader.stringMap())
        }
        node.statusUpdatedUnixSeconds = try int64()
        node.events = try elements(max: NodeEvent.keptMax) { (reader) throws(StateError) in
            try reader.nodeEvent()
        }
        node.computedClass = node.classDigest
        return node
    }

    mutating func drain() throws(StateError) -> DrainStrategy {
        DrainStrategy(
            deadline: try duration(), ignoresSystemJobs: try bool(),
            forceDeadlineUnixNanoseconds: try int64(), startedUnixNanoseconds: try int64())
    }

    mutating func nodeEvent() throws(StateError) -> NodeEvent {
        let before = remaining
        var event = NodeEvent(
            message: try string(), subsystem: try string(), details: try stringMap(),
            unixNanoseconds: try int64())
        event.createIndex = try uint64()
        guard before - remaining <= NodeEvent.bytesMax else {
            throw .malformed("an event of \(before - remaining) bytes")
        }
        return event
    }

    private mutating func nodeResources() throws(StateError) -> NodeResources {
        var resources = NodeResources()
        resources.cpu = try number()
        resources.totalCores = try number()
        resources.reservableCores = try cores()
        resources.memoryMB = try number()
        resources.diskMB = try number()
        resources.networks = try elements(max: SchedulingBounds.networksMax) {
            (reader) throws(StateError) in
            let mode = try reader.string()
            let device = try reader.string()
            let cidr = try reader.string()
            var network = NodeNetworkDevice(
                device: device, ip: try reader.string(), cidr: cidr,
                megabits: try reader.number())
            network.mode = mode
            return network
        }
        resources.nodeNetworks = try elements(max: SchedulingBounds.networksMax) {
            (reader) throws(StateError) in try reader.nodeNetwork()
        }
        resources.devices = try elements(max: SchedulingBounds.deviceGroupsMax) {
            (reader) throws(StateError) in try reader.deviceGroup()
        }
        resources.minDynamicPort = try number(max: 65_535)
        resources.maxDynamicPort = try number(max: 65_535)
        guard 0 < resources.minDynamicPort, resources.minDynamicPort <= resources.maxDynamicPort
        else { throw .malformed("no range of ports") }
        return resources
    }

    private mutating func nodeNetwork() throws(StateError) -> NodeNetwork {
        var network = NodeNetwork(mode: try string(), device: try string())
        network.macAddress = try string()
        network.speed = try number()
        network.addresses = try elements(max: SchedulingBounds.addressesMax) {
            (reader) throws(StateError) in
            NodeAddress(
                alias: try reader.string(), address: try reader.string(),
                family: try reader.string(), reservedPorts: try reader.portList())
        }
        return network
    }

    private mutating func reservedResources() throws(StateError) -> ReservedResources {
        var reserved = ReservedResources()
        reserved.cpu = try number()
        reserved.reservedCores = try cores()
        reserved.memoryMB = try number()
        reserved.diskMB = try number()
        reserved.reservedHostPorts = try portList()
        return reserved
    }

    private mutating func portList() throws(StateError) -> String {
        let text = try string()
        guard PortList.ranges(of: text) != nil else { throw .malformed("no list of ports") }
        return text
    }

    private mutating func deviceGroup() throws(StateError) -> NodeDeviceGroup {
        NodeDeviceGroup(
            vendor: try string(), type: try string(), name: try string(),
            instances: try elements(max: SchedulingBounds.deviceInstancesMax) {
                (reader) throws(StateError) in
                NodeDevice(
                    id: try reader.string(), isHealthy: try reader.bool(),
                    healthDescription: try reader.string())
            },
            attributes: try map { (reader) throws(StateError) in try reader.deviceAttribute() })
    }

    private mutating func deviceAttribute() throws(StateError) -> DeviceAttribute {
        let value: DeviceAttribute.Value =
            switch try uint8() {
            case 0: .int(try int64())
            case 1: .float(try finite())
            case 2: .string(try string())
            case 3: .bool(try bool())
            case let other: throw .malformed("unknown kind \(other) of an attribute")
            }
        return DeviceAttribute(value, unit: try string())
    }

    mutating func finite() throws(StateError) -> Double {
        let value = Double(bitPattern: try uint64())
        guard value.isFinite else { throw .malformed("\(value) is no number") }
        return value
    }
}
