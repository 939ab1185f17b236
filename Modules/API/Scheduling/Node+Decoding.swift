// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension Node {
    /// Reads what a node registers with. Indexes, events, drains, eligibility and the class are the
    /// state's, and ignored.
    ///
    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], limits: JSONLimits = SchedulingBounds.nodeLimits
    ) throws(APIError) -> Node {
        try Node(
            try BodyFields(try ConfigurationKind.node.parse(body: body, limits: limits), of: .node))
    }

    /// Reads one of many.
    package static func decode(from node: JSONNode) throws(APIError) -> Node {
        try Node(try BodyFields(node, of: .node))
    }

    private init(_ fields: BodyFields) throws(APIError) {
        guard let id = try fields.uniqueID("ID") else { throw fields.refusal("ID", "is missing") }
        guard let secret = try fields.uniqueID("SecretID") else {
            throw fields.refusal("SecretID", "is missing")
        }
        self.init(
            id: id, secretID: secret, name: try fields.name("Name"),
            datacenter: try fields.name("Datacenter"))
        if name.isEmpty { name = id.short }
        guard !datacenter.isEmpty else { throw fields.refusal("Datacenter", "is missing") }
        let pool = try fields.name("NodePool")
        if !pool.isEmpty { nodePool = pool }
        guard NodePool.isName(nodePool) else {
            throw fields.refusal(
                "NodePool", "is not 1 to 128 letters, digits, hyphens and underscores")
        }
        guard nodePool != Job.nodePoolAll else {
            throw fields.refusal("NodePool", "\"all\" is every pool, and no node's own")
        }
        nodeClass = try fields.name("NodeClass")
        attributes = try fields.stringMap("Attributes")
        meta = try fields.stringMap("Meta")
        links = try fields.stringMap("Links")
        for driver in try fields.objectMap("Drivers", max: SchedulingBounds.driversMax) {
            drivers[driver.key] = try DriverState(driver.fields)
        }
        for volume in try fields.objectMap("HostVolumes", max: SchedulingBounds.volumesMax) {
            hostVolumes[volume.key] = HostVolume(
                path: try volume.fields.string("Path", default: ""),
                isReadOnly: try volume.fields.bool("ReadOnly", default: false))
        }
        resources = try NodeResources(try fields.object("NodeResources"))
        reserved = try ReservedResources(try fields.object("ReservedResources"))
        httpAddress = try fields.name("HTTPAddr")
        isTLSEnabled = try fields.bool("TLSEnabled", default: false)
        status = try fields.choice("Status", default: .initializing)
        statusDescription = try fields.string("StatusDescription", default: "")
    }
}

extension DriverState {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init(
            isDetected: try fields.bool("Detected", default: false),
            isHealthy: try fields.bool("Healthy", default: false),
            healthDescription: try fields.string("HealthDescription", default: ""))
        attributes = try fields.stringMap("Attributes")
        updateUnixNanoseconds = try fields.time("UpdateTime") ?? 0
    }
}

extension NodeResources {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init()
        let processor = try fields.object("Cpu")
        cpu = try processor.amount("CpuShares")
        totalCores = try processor.amount("TotalCpuCores")
        reservableCores = try processor.cores("ReservableCpuCores")
        memoryMB = try (try fields.object("Memory")).amount("MemoryMB")
        diskMB = try (try fields.object("Disk")).amount("DiskMB")
        for network in try fields.objects("Networks", max: SchedulingBounds.networksMax) {
            networks.append(try NodeNetworkDevice(network))
        }
        for network in try fields.objects("NodeNetworks", max: SchedulingBounds.networksMax) {
            nodeNetworks.append(try NodeNetwork(network))
        }
        for device in try fields.objects("Devices", max: SchedulingBounds.deviceGroupsMax) {
            devices.append(try NodeDeviceGroup(device))
        }
        // What an allocation holds is known by these three, and by the instance.
        guard Set(devices.map(\.fullName)).count == devices.count else {
            throw fields.refusal("Devices", "two have one Vendor, Type and Name")
        }
        minDynamicPort = try fields.dynamicPort("MinDynamicPort", default: minDynamicPort)
        maxDynamicPort = try fields.dynamicPort("MaxDynamicPort", default: maxDynamicPort)
        guard minDynamicPort <= maxDynamicPort else {
            throw fields.refusal("MaxDynamicPort", "is below MinDynamicPort")
        }
    }
}

extension ReservedResources {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init()
        let processor = try fields.object("Cpu")
        cpu = try processor.amount("CpuShares")
        reservedCores = try processor.cores("ReservedCpuCores")
        memoryMB = try (try fields.object("Memory")).amount("MemoryMB")
        diskMB = try (try fields.object("Disk")).amount("DiskMB")
        reservedHostPorts = try (try fields.object("Networks")).portList("ReservedHostPorts")
    }
}

extension NodeNetworkDevice {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init(
            device: try fields.name("Device"), ip: try fields.name("IP"),
            cidr: try fields.name("CIDR"), megabits: try fields.amount("MBits"))
        mode = try fields.name("Mode")
    }
}

extension NodeNetwork {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init(mode: try fields.name("Mode"), device: try fields.name("Device"))
        macAddress = try fields.name("MacAddress")
        speed = try fields.amount("Speed")
        for address in try fields.objects("Addresses", max: SchedulingBounds.addressesMax) {
            addresses.append(
                NodeAddress(
                    alias: try address.name("Alias"), address: try address.name("Address"),
                    family: try address.name("Family"),
                    reservedPorts: try address.portList("ReservedPorts")))
        }
    }
}

extension NodeDeviceGroup {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init(
            vendor: try fields.name("Vendor"), type: try fields.name("Type"),
            name: try fields.name("Name"))
        let most = SchedulingBounds.deviceInstancesMax
        for device in try fields.objects("Instances", max: most) {
            instances.append(
                NodeDevice(
                    id: try device.name("ID"),
                    isHealthy: try device.bool("Healthy", default: false),
                    healthDescription: try device.string("HealthDescription", default: "")))
        }
        guard Set(instances.map(\.id)).count == instances.count else {
            throw fields.refusal("Instances", "two have one ID")
        }
        for attribute in try fields.objectMap("Attributes", max: SchedulingBounds.mapMax) {
            attributes[attribute.key] = try DeviceAttribute(attribute.fields)
        }
    }
}

extension DeviceAttribute {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        let value: Value =
            if fields.has("Int") {
                .int(try fields.int64("Int"))
            } else if fields.has("Float") {
                .float(try fields.double("Float"))
            } else if fields.has("Bool") {
                .bool(try fields.bool("Bool", default: false))
            } else {
                .string(try fields.string("String", default: ""))
            }
        self.init(value, unit: try fields.name("Unit"))
    }
}

extension BodyFields {
    /// A short text.
    fileprivate func name(_ name: String) throws(APIError) -> String {
        let text = try string(name, default: "")
        guard text.utf8.count <= SchedulingBounds.nameBytesMax else {
            throw refusal(name, "is longer than \(SchedulingBounds.nameBytesMax) bytes")
        }
        return text
    }

    /// Not negative, and such that sums over a cluster fit.
    fileprivate func amount(_ name: String) throws(APIError) -> Int {
        let amount = try int(name, default: 0)
        guard 0...SchedulingBounds.amountMax ~= amount else {
            throw refusal(name, "must be between 0 and \(SchedulingBounds.amountMax)")
        }
        return amount
    }

    fileprivate func dynamicPort(_ name: String, default fallback: Int) throws(APIError) -> Int {
        let port = try int(name, default: fallback)
        guard 1...65_535 ~= port else { throw refusal(name, "is no port") }
        return port
    }

    fileprivate func double(_ name: String) throws(APIError) -> Double {
        guard let value = value(name) else { return 0 }
        guard case .number(let number) = value, let double = Double(number.text), double.isFinite
        else { throw mismatch(name, value, "float64") }
        return double
    }

    /// Numbers of cores, ascending, each once.
    fileprivate func cores(_ name: String) throws(APIError) -> [UInt16] {
        var cores: Set<UInt16> = []
        for element in try elements(name, max: SchedulingBounds.coresMax) {
            guard case .number(let number) = element.value,
                let core = number.uint64.flatMap({ UInt16(exactly: $0) })
            else { throw mismatch(name, element.value, "uint16") }
            cores.insert(core)
        }
        return cores.sorted()
    }

    /// `22,80,8500-8600`.
    fileprivate func portList(_ name: String) throws(APIError) -> String {
        let text = try string(name, default: "")
        guard text.utf8.count <= SchedulingBounds.textBytesMax, PortList.ranges(of: text) != nil
        else {
            throw refusal(name, "\(Self.shown(text)) is no list of ports")
        }
        return text
    }
}
