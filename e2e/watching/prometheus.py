"""A Prometheus of our own, for as long as it is needed: what it scrapes, the rules it evaluates, and what it answers."""

import http
import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import children
from harness.cluster import free_port
from scenario import eventually

_ANSWER_S = 10.0


class Prometheus:
    """Scrapes every second, both the summary and what is detailed."""

    def __init__(self, folder: Path, targets: list[str], rules: str):
        self._folder, self._targets = folder, targets
        self._at = f"127.0.0.1:{free_port()}"
        self._child = None
        (folder / "rules.yml").write_text(rules)
        (folder / "prometheus.yml").write_text(json.dumps(self._config()))

    def _config(self) -> dict:
        """JSON is YAML."""
        scraped = [{"targets": self._targets}]
        return {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._folder / "rules.yml")],
            "scrape_configs": [
                {"job_name": "brokers", "static_configs": scraped},
                {"job_name": "detailed", "metrics_path": "/metrics/detailed", "static_configs": scraped},
            ],
        }

    def __enter__(self) -> "Prometheus":
        options = [f"--config.file={self._folder / 'prometheus.yml'}", f"--storage.tsdb.path={self._folder / 'data'}"]
        with (self._folder / "log").open("wb") as log:
            self._child = children.spawn(["prometheus", *options, f"--web.listen-address={self._at}"], stdout=log, stderr=log)
        try:
            eventually("all targets are up", lambda: self._ups() == ["1"] * 2 * len(self._targets))
        except AssertionError as failed:
            self.__exit__()
            raise AssertionError(f"{failed}\n{(self._folder / 'log').read_text(errors='replace')[-3000:]}") from failed
        return self

    def __exit__(self, *_) -> None:
        children.end_group(self._child)

    def ask(self, expression: str) -> list[dict]:
        """The series that an expression gives; one that is not understood is an error."""
        return self._get("query", query=expression)["result"]

    def value(self, expression: str) -> float | None:
        found = self.ask(expression)
        return float(found[0]["value"][1]) if found else None

    def names(self) -> set[str]:
        """Of all metrics that were scraped."""
        return set(self._get("label/__name__/values"))

    def firing(self) -> list[str]:
        return sorted({alert["labels"]["alertname"] for alert in self._get("alerts")["alerts"] if alert["state"] == "firing"})

    def ailing_rules(self) -> list[str]:
        rules = [rule for group in self._get("rules")["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]

    def _ups(self) -> list[str]:
        try:
            return [series["value"][1] for series in self.ask("up")]
        except OSError:
            return []

    def _get(self, what: str, **asked: str) -> dict:
        url = f"http://{self._at}/api/v1/{what}?{urllib.parse.urlencode(asked)}"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            # It starts.
            if refused.code == http.HTTPStatus.SERVICE_UNAVAILABLE:
                raise ConnectionError("not ready yet") from refused
            raise AssertionError(f"{asked}: {refused.read().decode(errors='replace')}") from refused
