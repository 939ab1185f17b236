// SPDX-License-Identifier: Apache-2.0
import MartletJSON

extension Constraint {
    init(_ fields: BodyFields) throws(APIError) {
        self.init(
            try fields.string("LTarget", default: ""), try fields.string("Operand", default: "="),
            try fields.string("RTarget", default: ""))
        if operand.isEmpty { operand = "=" }
    }
}

extension Affinity {
    init(_ fields: BodyFields) throws(APIError) {
        self.init(
            try fields.string("LTarget", default: ""), try fields.string("Operand", default: "="),
            try fields.string("RTarget", default: ""),
            weight: try fields.int("Weight", default: Self.weightDefault))
        if operand.isEmpty { operand = "=" }
    }
}

extension Spread {
    init(_ fields: BodyFields) throws(APIError) {
        self.init(
            attribute: try fields.string("Attribute", default: ""),
            weight: try fields.int("Weight", default: Self.weightDefault))
        for target in try fields.objects("SpreadTarget", max: SchedulingBounds.spreadTargetsMax) {
            targets.append(
                SpreadTarget(
                    value: try target.string("Value", default: ""),
                    percent: try target.int("Percent", default: 0)))
        }
    }
}

extension BodyFields {
    func constraints() throws(APIError) -> [Constraint] {
        var constraints: [Constraint] = []
        for fields in try objects("Constraints", max: SchedulingBounds.rulesMax) {
            constraints.append(try Constraint(fields))
        }
        return constraints
    }

    func affinities() throws(APIError) -> [Affinity] {
        var affinities: [Affinity] = []
        for fields in try objects("Affinities", max: SchedulingBounds.rulesMax) {
            affinities.append(try Affinity(fields))
        }
        return affinities
    }

    func spreads() throws(APIError) -> [Spread] {
        var spreads: [Spread] = []
        for fields in try objects("Spreads", max: SchedulingBounds.spreadsMax) {
            spreads.append(try Spread(fields))
        }
        return spreads
    }
}
