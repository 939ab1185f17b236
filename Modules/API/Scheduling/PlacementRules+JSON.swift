// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension Constraint: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("LTarget", leftTarget)
        writer.member("Operand", operand)
        writer.member("RTarget", rightTarget)
        writer.endObject()
    }
}

extension Affinity: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("LTarget", leftTarget)
        writer.member("Operand", operand)
        writer.member("RTarget", rightTarget)
        writer.member("Weight", weight)
        writer.endObject()
    }
}

extension Spread: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attribute", attribute)
        writer.member("SpreadTarget", orNull: targets)
        writer.member("Weight", weight)
        writer.endObject()
    }
}

extension SpreadTarget: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Percent", percent)
        writer.member("Value", value)
        writer.endObject()
    }
}
