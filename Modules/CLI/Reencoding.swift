// SPDX-License-Identifier: Apache-2.0
package import MartletHCL
import MartletJSON

/// A job file of any origin, as what is sent of it: what fuzzers call. No command goes through here.
package enum JobFileReading {
    package static func json(ofHCL bytes: [UInt8]) throws(HCLError) -> [UInt8] {
        JSONWriter.encode(try JobFile.job(in: bytes))
    }
}
