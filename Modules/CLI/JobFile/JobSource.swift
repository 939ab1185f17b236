// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHCL
import MartletJSON

/// A job that somebody wrote down, as JSON for the API.
struct JobSource {
    /// The job itself.
    let job: JSONNode
    let id: String

    /// Reads a file, or standard input for `-`: JSON with -json, for a name that ends with `.json`, or
    /// where the first letter is `{`; otherwise HCL. In JSON the job may stand in `{"Job": …}`.
    ///
    /// - Throws: exit code 1 for a file that cannot be read, 2 for one that is no job; with the place.
    static func read(_ path: String, _ invocation: Invocation) throws(CLIFailure) -> JobSource {
        let bytes = try invocation.content(of: path, limitBytes: JobFile.bytesMax)
        let place = path == "-" ? "standard input" : Text.line(path)
        let job =
            try invocation.isJSON(bytes, of: path)
            ? parsedJSON(bytes, place) : parsedHCL(bytes, place)
        guard case .string(let id)? = job.member("ID")?.value, !id.isEmpty else {
            throw CLIFailure("\(place): the job has no ID", .refused)
        }
        return JobSource(job: job, id: id)
    }

    private static func parsedJSON(
        _ bytes: [UInt8], _ place: String
    ) throws(CLIFailure) -> JSONNode {
        let node: JSONNode
        do throws(JSONError) {
            node = try JSONReader.parse(bytes, limits: SchedulingBounds.jobLimits)
        } catch {
            throw CLIFailure("\(place):\(error.line):\(error.column): \(error)", .refused)
        }
        let job = node.member("Job") ?? node
        guard case .object = job.value else {
            throw CLIFailure(
                "\(place): a job is an object, or stands in {\"Job\": …}, not \(job.value.kind)",
                .refused)
        }
        return job
    }

    private static func parsedHCL(
        _ bytes: [UInt8], _ place: String
    ) throws(CLIFailure) -> JSONNode {
        let value: JobValue
        do throws(HCLError) {
            value = try JobFile.job(in: bytes)
        } catch {
            throw CLIFailure("\(place):\(error)", .refused)
        }
        return try parsedJSON(JSONWriter.encode(value), place)
    }

    /// `{"Job": …}` with what else belongs beside it.
    func body(
        _ members: (inout JSONWriter) -> Void = { _ in }
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        members(&writer)
        writer.member("Job", job)
        writer.endObject()
        return writer.bytes
    }
}

extension Invocation {
    /// Whether what somebody wrote down is JSON and not HCL: by `-json`, its name or its first letter.
    func isJSON(_ bytes: [UInt8], of path: String) -> Bool {
        values.isOn("json") || path.hasSuffix(".json")
            || bytes.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } == UInt8(ascii: "{")
    }
}
