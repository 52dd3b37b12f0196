"""Messages of reports about versions to values and back; pure functions."""

from modelyard.registry.v1 import resources_pb2 as pb
from registry.reports import AdmissionReport, Fault, Metric, ParityCheck, ParityReport
from registry.runtime import read_onnxruntime_version
from registry.timestamps import to_timestamp


def metric_of(message: pb.Metric) -> Metric:
    """Read a metric."""
    return Metric(
        name=message.name,
        value=message.value,
        lower=message.lower if message.HasField("lower") else None,
        upper=message.upper if message.HasField("upper") else None,
        split=message.split,
        class_name=message.class_name,
        baseline=message.baseline if message.HasField("baseline") else None,
    )


def parity_report_of(message: pb.ModelVersion) -> ParityReport:
    """Read the parity report of a version."""
    report = message.parity_report
    checks = tuple(
        ParityCheck(
            rows=check.rows,
            row_count=check.row_count,
            label_mismatch_count=check.label_mismatch_count,
            max_difference=check.max_difference,
            tolerance=check.tolerance,
            passed=check.passed,
            excused_count=check.excused_count,
            unstable_count=check.unstable_count,
        )
        for check in report.checks
    )
    return ParityReport(report.passed, checks, report.onnxruntime_version, report.explanation)


def to_metrics(metrics: tuple[Metric, ...]) -> list[pb.Metric]:
    """Write metrics."""
    return [
        pb.Metric(
            name=metric.name,
            value=metric.value,
            lower=metric.lower,
            upper=metric.upper,
            split=metric.split,
            class_name=metric.class_name,
            baseline=metric.baseline,
        )
        for metric in metrics
    ]


def to_fault(fault: Fault) -> pb.Fault:
    """Write why something was refused."""
    return pb.Fault(reason=fault.reason, message=fault.message)


def to_parity_report(report: ParityReport) -> pb.ParityReport:
    """Write a parity report; it is stale under another ONNX Runtime than this one."""
    checks = [
        pb.ParityCheck(
            rows=check.rows,
            row_count=check.row_count,
            label_mismatch_count=check.label_mismatch_count,
            max_difference=check.max_difference,
            tolerance=check.tolerance,
            passed=check.passed,
            excused_count=check.excused_count,
            unstable_count=check.unstable_count,
        )
        for check in report.checks
    ]
    return pb.ParityReport(
        passed=report.passed,
        checks=checks,
        onnxruntime_version=report.onnxruntime_version,
        explanation=report.explanation,
        stale=report.is_stale(read_onnxruntime_version()),
    )


def to_admission_report(report: AdmissionReport) -> pb.AdmissionReport:
    """Write an admission report."""
    return pb.AdmissionReport(
        load_us=report.load_us,
        row_p50_us=report.row_p50_us,
        row_p99_us=report.row_p99_us,
        memory_bytes=report.memory_bytes,
        golden_row_count=report.golden_row_count,
        golden_max_difference=report.golden_max_difference,
        onnxruntime_version=report.onnxruntime_version,
        create_time=to_timestamp(report.create_time),
        hundred_rows_p50_us=report.hundred_rows_p50_us,
        node_count=report.node_count,
    )
