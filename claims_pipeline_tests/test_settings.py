"""Settings are checked together: one message names everything, says how it should look, and quotes no value."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from claims_pipeline.claims.columns import BY_FIELD
from claims_pipeline.errors import SettingsError, TransientError
from claims_pipeline.sandbox.dynamodb import serve_dynamodb
from claims_pipeline.settings import (
    Filter,
    FilterKind,
    SecretForAWhile,
    SecretReader,
    Settings,
    SignIn,
    customer_numbers,
    describe_settings,
    load_settings,
)
from claims_pipeline.settings.secret import SecretUnreadable

CLAIM_FIELDS = ("Name", "Payer__c", "Claim_Payor__c")

PASSWORD_WAY = {
    "SALESFORCE_USERNAME": "integration@example.com",
    "SALESFORCE_PASSWORD": "open sesame",
    "SALESFORCE_SECURITY_TOKEN": "tokentoken",
}
CLIENT_CREDENTIALS_WAY = {"SALESFORCE_CONSUMER_KEY": "3MVG9abc", "SALESFORCE_CONSUMER_SECRET": "s3cr3t"}
ONE_CUSTOMER = {
    "COLLABORATEMD_CUSTOMER": "10001001",
    "COLLABORATEMD_REPORT_ID": "4001",
    "COLLABORATEMD_FILTER_ID": "5001",
}
SHARED = {
    "COLLABORATEMD_USERNAME": "api-user",
    "COLLABORATEMD_PASSWORD": "hunter2-hunter2",
    "SALESFORCE_DOMAIN": "test",
    "CLAIMS_STORAGE": "/var/lib/claims",
}
GOOD = {**SHARED, **ONE_CUSTOMER, **PASSWORD_WAY}

NORTH_AND_SOUTH = """
[customers.10001001]
name = "North Clinic"
report = 4001
filters = [
  {id = "5001", kind = "recent", claim_complete = true},
  {id = 5002, kind = "full"},
]
columns = {paid = "Insurance Paid"}
absent_columns = ["authorization"]
thresholds = {least_share_of_last_report = 0.25, empty_report_is_normal = true}

[customers.10001002]
name = "South Clinic"
report = "4001"
filters = [{id = "5009", kind = "recent"}]
"""


def no_secret(secret_id: str, region: str | None) -> str:
    raise AssertionError("nobody asked for a secret")


def load(environ: Mapping[str, str], read_secret: SecretReader = no_secret) -> Settings:
    return load_settings(
        environ, report_fields=tuple(BY_FIELD), claim_fields=CLAIM_FIELDS, read_secret=read_secret
    )


def problems(environ: Mapping[str, str], read_secret: SecretReader = no_secret) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        load(environ, read_secret)
    for name, value in environ.items():
        if name.endswith(("PASSWORD", "TOKEN", "KEY", "SECRET")):
            assert value not in str(refused.value)
    return refused.value.problems


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in GOOD.items() if name not in names}


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption | None = None
) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def several(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    def write(toml: str) -> dict[str, str]:
        path = tmp_path / "claims.toml"
        path.write_text(toml)
        return {**SHARED, **PASSWORD_WAY, "CLAIMS_CONFIG": str(path)}

    return write


class TestOneCustomer:
    def test_the_predecessors_names_and_a_customer_are_enough(self) -> None:
        found = load(GOOD)
        (customer,) = found.customers
        assert (customer.number, customer.report_id) == ("10001001", "4001")
        assert customer.filters == (Filter("5001", FilterKind.RECENT, claim_complete=False),)
        assert found.collaboratemd.base_url == "https://webapi.collaboratemd.com"
        assert (found.salesforce.api_version, found.salesforce.batch_size) == ("59.0", 200)
        assert (found.state.table_name, found.state.region, found.state.endpoint_url) == (
            "collaboratemd-state",
            None,
            None,
        )
        assert (str(found.storage), found.log_level) == ("/var/lib/claims", "INFO")

    def test_the_rest_of_the_predecessors_values_is_taken(self) -> None:
        found = load(
            GOOD
            | {
                "COLLABORATEMD_API_BASE_URL": "https://api.collaboratemd.com/",
                "SALESFORCE_API_VERSION": "58.0",
                "DYNAMODB_TABLE_NAME": "other-state",
                "BATCH_SIZE": "100",
                "LOG_LEVEL": "debug",
                "AWS_REGION": "us-gov-west-1",
            }
        )
        assert found.collaboratemd.base_url == "https://api.collaboratemd.com"
        assert (found.salesforce.api_version, found.salesforce.batch_size) == ("58.0", 100)
        assert (found.state.table_name, found.state.region) == ("other-state", "us-gov-west-1")
        assert found.log_level == "DEBUG"

    def test_a_full_filter_and_columns(self) -> None:
        found = load(
            GOOD
            | {
                "COLLABORATEMD_FILTER_CLAIM_COMPLETE": "true",
                "COLLABORATEMD_FULL_FILTER_ID": "5002",
                "COLLABORATEMD_COLUMNS": '{"paid": "Insurance Paid", "authorization": null}',
                "SALESFORCE_FIELDS_LEFT_ALONE": "Name, Payer__c",
            }
        )
        (customer,) = found.customers
        assert customer.filters == (
            Filter("5001", FilterKind.RECENT, True),
            Filter("5002", FilterKind.FULL, False),
        )
        assert [each.id for each in customer.filters_of(FilterKind.FULL)] == ["5002"]
        assert customer.columns == {"paid": "Insurance Paid", "authorization": None}
        assert found.salesforce.fields_left_alone == {"Name", "Payer__c"}

    def test_a_blank_value_is_not_set(self) -> None:
        assert load(GOOD | {"COLLABORATEMD_FULL_FILTER_ID": " ", "BATCH_SIZE": ""}) == load(GOOD)
        (problem,) = problems(GOOD | {"COLLABORATEMD_CUSTOMER": " "})
        assert problem == "COLLABORATEMD_CUSTOMER is missing: it should be 8 digits"


class TestEverythingAtOnce:
    def test_nothing_set_names_all_that_must_be(self) -> None:
        found = problems({})
        assert [
            problem.split(" is missing: it should be ")[0] for problem in found if "is missing" in problem
        ] == [
            "COLLABORATEMD_CUSTOMER",
            "COLLABORATEMD_REPORT_ID",
            "COLLABORATEMD_FILTER_ID",
            "SALESFORCE_DOMAIN",
            "CLAIMS_STORAGE",
            "COLLABORATEMD_USERNAME",
            "COLLABORATEMD_PASSWORD",
        ]
        assert sum("No way of signing in to Salesforce is set" in problem for problem in found) == 1
        assert len(found) == 8

    def test_missing_and_wrong_ones_stand_in_one_message(self) -> None:
        environ = without("COLLABORATEMD_PASSWORD", "SALESFORCE_SECURITY_TOKEN") | {
            "COLLABORATEMD_CUSTOMER": "1001",
            "COLLABORATEMD_FILTER_ID": "4001",
            "BATCH_SIZE": "500",
            "SALESFORCE_DOMAIN": "acme",
        }
        named = [problem.split()[0] for problem in problems(environ)]
        assert sorted(named) == [
            "BATCH_SIZE",
            "COLLABORATEMD_CUSTOMER",
            "COLLABORATEMD_FILTER_ID",
            "COLLABORATEMD_PASSWORD",
            "SALESFORCE_DOMAIN",
            "SALESFORCE_SECURITY_TOKEN",
        ]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("COLLABORATEMD_CUSTOMER", "1000100"),
            ("COLLABORATEMD_CUSTOMER", "\u0661000100\u0661"),
            ("COLLABORATEMD_REPORT_ID", "40o1"),
            ("COLLABORATEMD_FILTER_ID", "4001"),
            ("COLLABORATEMD_FULL_FILTER_ID", "5001"),
            ("COLLABORATEMD_FULL_FILTER_ID", "4001"),
            ("COLLABORATEMD_FILTER_CLAIM_COMPLETE", "perhaps"),
            ("COLLABORATEMD_API_BASE_URL", "http://webapi.collaboratemd.com"),
            ("COLLABORATEMD_API_BASE_URL", "http://localhost.evil.example"),
            ("COLLABORATEMD_API_BASE_URL", "https://api-user:pw@webapi.collaboratemd.com"),
            ("COLLABORATEMD_API_BASE_URL", "https://webapi.collaboratemd.com/v1"),
            ("COLLABORATEMD_API_BASE_URL", "https://[webapi"),
            ("COLLABORATEMD_API_BASE_URL", "webapi.collaboratemd.com"),
            ("COLLABORATEMD_COLUMNS", "paid=Insurance Paid"),
            ("COLLABORATEMD_COLUMNS", '["paid"]'),
            ("COLLABORATEMD_COLUMNS", '{"piad": "Insurance Paid"}'),
            ("COLLABORATEMD_COLUMNS", '{"paid": ""}'),
            ("COLLABORATEMD_COLUMNS", '{"paid": "X", "paid": "Y"}'),
            ("COLLABORATEMD_COLUMNS", '{"paid": "X", "charged": " x"}'),
            ("COLLABORATEMD_COLUMNS", '{"claim_id": null}'),
            ("COLLABORATEMD_POLL_SECONDS", "0"),
            ("COLLABORATEMD_POLL_SECONDS", "nan"),
            ("SALESFORCE_DOMAIN", "acme.lightning.force.com"),
            ("SALESFORCE_DOMAIN", "https://acme.lightning.force.com"),
            ("SALESFORCE_DOMAIN", "http://acme.my.salesforce.com"),
            ("SALESFORCE_DOMAIN", "acme my"),
            ("SALESFORCE_API_VERSION", "59"),
            ("SALESFORCE_API_VERSION", "42.0"),
            ("SALESFORCE_API_VERSION", "65.0"),
            ("SALESFORCE_FIELDS_LEFT_ALONE", "Nmae"),
            ("SALESFORCE_FIELDS_LEFT_ALONE", "Name; DROP"),
            ("BATCH_SIZE", "0"),
            ("BATCH_SIZE", "201"),
            ("BATCH_SIZE", "many"),
            ("LOG_LEVEL", "CHATTY"),
            ("DYNAMODB_TABLE_NAME", "a table"),
            ("DYNAMODB_ENDPOINT_URL", "http://dynamodb.example"),
            ("AWS_REGION", "Virginia"),
            ("CLAIMS_STORAGE", "claims"),
            ("CLAIMS_STORAGE", "gs://bucket"),
            ("CLAIMS_STORAGE", "s3://"),
            ("CLAIMS_CA_BUNDLE", "/no/such/file.pem"),
            ("CLAIMS_CONFIG", "/no/such/claims.toml"),
        ],
    )
    def test_a_wrong_value_is_named_once_with_its_shape_and_not_quoted(self, name: str, value: str) -> None:
        found = problems(GOOD | {name: value})
        assert len(found) == 1
        assert found[0].startswith(f"{name} ")
        shape = next(each.shape for each in describe_settings() if each.name == name)
        assert found[0].endswith(f": it should be {shape}")
        if len(value) > 4 and not value.startswith("{"):
            assert value not in found[0].removesuffix(shape)


class TestWhereThingsAre:
    @pytest.mark.parametrize("url", ["http://localhost:8443", "http://127.0.0.1:8443/", "http://[::1]:8443"])
    def test_plain_http_is_for_this_machine(self, url: str) -> None:
        assert load(GOOD | {"COLLABORATEMD_API_BASE_URL": url}).collaboratemd.base_url == url.rstrip("/")

    @pytest.mark.parametrize(
        ("domain", "url", "audience"),
        [
            ("login", "https://login.salesforce.com", "https://login.salesforce.com"),
            ("test", "https://test.salesforce.com", "https://test.salesforce.com"),
            ("acme.my", "https://acme.my.salesforce.com", "https://login.salesforce.com"),
            ("Acme.my.salesforce.com", "https://acme.my.salesforce.com", "https://login.salesforce.com"),
            (
                "acme--dev.sandbox.my",
                "https://acme--dev.sandbox.my.salesforce.com",
                "https://test.salesforce.com",
            ),
            (
                "https://acme--dev.sandbox.my.salesforce.com/",
                "https://acme--dev.sandbox.my.salesforce.com",
                "https://test.salesforce.com",
            ),
            ("https://localhost:8443", "https://localhost:8443", "https://login.salesforce.com"),
        ],
    )
    def test_salesforce_domains(self, domain: str, url: str, audience: str) -> None:
        found = load(GOOD | {"SALESFORCE_DOMAIN": domain}).salesforce
        assert (found.login_url, found.audience) == (url, audience)

    def test_storage_on_s3(self) -> None:
        found = load(GOOD | {"CLAIMS_STORAGE": "s3://acme-claims/work/"}).storage
        assert (found.folder, found.bucket, found.prefix, str(found)) == (
            None,
            "acme-claims",
            "work",
            "s3://acme-claims/work",
        )

    def test_boto3s_own_names_are_known_and_ours_come_first(self) -> None:
        boto3s = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "eu-west-1"}
        found = load(GOOD | boto3s).state
        assert (found.endpoint_url, found.region) == ("http://127.0.0.1:1", "eu-west-1")
        found = load(
            GOOD | boto3s | {"DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_REGION": "us-east-1"}
        ).state
        assert (found.endpoint_url, found.region) == ("http://127.0.0.1:2", "us-east-1")


class TestSigningIn:
    def test_by_password(self) -> None:
        found = load(GOOD).salesforce
        assert found.sign_in is SignIn.PASSWORD
        assert found.password and found.password.get_secret_value() == "open sesame"

    def test_by_password_where_the_org_asks_for_no_token(self) -> None:
        found = load(GOOD | {"SALESFORCE_SECURITY_TOKEN": "None"}).salesforce
        assert found.security_token is not None
        assert found.security_token.get_secret_value() == ""

    def test_by_client_credentials_on_a_my_domain_alone(self) -> None:
        environ = without(*PASSWORD_WAY) | CLIENT_CREDENTIALS_WAY
        found = load(environ | {"SALESFORCE_DOMAIN": "acme.my", "SALESFORCE_API_VERSION": "67.0"}).salesforce
        assert found.sign_in is SignIn.CLIENT_CREDENTIALS
        (problem,) = problems(environ)
        assert problem.startswith("SALESFORCE_DOMAIN must be a My Domain")

    def test_by_jwt_with_the_key_itself_or_its_file(self, rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
        key = pem(rsa_key)
        path = tmp_path / "server.key"
        path.write_text(key)
        jwt = without(*PASSWORD_WAY) | {
            "SALESFORCE_USERNAME": "integration@example.com",
            "SALESFORCE_CONSUMER_KEY": "3MVG9abc",
        }
        for given in (key, key.replace("\n", "\\n"), str(path)):
            found = load(jwt | {"SALESFORCE_PRIVATE_KEY": given}).salesforce
            assert found.sign_in is SignIn.JWT_BEARER
            assert found.private_key and found.private_key.get_secret_value().strip() == key.strip()

    def test_a_private_key_that_cannot_sign_is_told_at_once(self, rsa_key: rsa.RSAPrivateKey) -> None:
        jwt = without(*PASSWORD_WAY) | {
            "SALESFORCE_USERNAME": "i@example.com",
            "SALESFORCE_CONSUMER_KEY": "3MVG9abc",
        }
        bad = {
            "passphrase": pem(rsa_key, BestAvailableEncryption(b"x")),
            "not an RSA key": pem(ec.generate_private_key(ec.SECP256R1())),
            "neither a private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "nor a file": "/no/such/server.key",
        }
        for word, given in bad.items():
            (problem,) = problems(jwt | {"SALESFORCE_PRIVATE_KEY": given})
            assert problem.startswith("SALESFORCE_PRIVATE_KEY is ")
            assert word in problem

    def test_a_half_way_names_what_it_lacks(self) -> None:
        (problem,) = problems(
            without(*PASSWORD_WAY) | {"SALESFORCE_CONSUMER_SECRET": "s3cr3t", "SALESFORCE_DOMAIN": "a.my"}
        )
        assert problem.startswith("SALESFORCE_CONSUMER_KEY is missing")
        found = problems(without(*PASSWORD_WAY) | {"SALESFORCE_SECURITY_TOKEN": "tokentoken"})
        assert [problem.split()[0] for problem in found] == ["SALESFORCE_USERNAME", "SALESFORCE_PASSWORD"]

    def test_two_ways_are_one_too_many(self) -> None:
        (problem,) = problems(GOOD | CLIENT_CREDENTIALS_WAY | {"SALESFORCE_DOMAIN": "acme.my"})
        assert (
            "SALESFORCE_CONSUMER_SECRET, SALESFORCE_PASSWORD, SALESFORCE_SECURITY_TOKEN belong to" in problem
        )
        assert "exactly one of" in problem

    def test_a_consumer_key_beside_a_password_is_a_way_half_set(self) -> None:
        (problem,) = problems(GOOD | {"SALESFORCE_CONSUMER_KEY": "3MVG9abc"})
        assert problem.startswith("SALESFORCE_CONSUMER_KEY is of no use")


class TestSeveralCustomers:
    def test_each_has_its_table(self, several: Callable[[str], dict[str, str]]) -> None:
        found = load(several(NORTH_AND_SOUTH))
        north, south = found.customers
        assert (north.number, north.name, north.report_id) == ("10001001", "North Clinic", "4001")
        assert north.filters == (Filter("5001", FilterKind.RECENT, True), Filter("5002", FilterKind.FULL))
        assert north.columns == {"paid": "Insurance Paid", "authorization": None}
        assert (north.thresholds.least_share_of_last_report, north.thresholds.empty_report_is_normal) == (
            0.25,
            True,
        )
        assert (south.thresholds.least_share_of_last_report, south.thresholds.empty_report_is_normal) == (
            0.5,
            False,
        )
        assert found.customer("10001002") is south
        with pytest.raises(
            SettingsError, match="customer 10001009 is not set up; the settings know 10001001, 10001002"
        ):
            found.customer("10001009")

    @pytest.mark.parametrize(
        ("toml", "expected"),
        [
            (
                NORTH_AND_SOUTH.replace("10001002", "1002"),
                "customers.1002 is no customer number: it should be 8 digits",
            ),
            (NORTH_AND_SOUTH.replace("10001002", "10001001"), "twice"),
            (
                NORTH_AND_SOUTH.replace('"5009"', '"4001"'),
                "customers.10001002: report and a filter have the same number",
            ),
            (
                NORTH_AND_SOUTH.replace("5002", "5001"),
                "customers.10001001: filters: one id stands there twice",
            ),
            (
                NORTH_AND_SOUTH.replace('"full"', '"weekly"'),
                'filters.1.kind is wrong: it should be "recent" or "full"',
            ),
            (NORTH_AND_SOUTH.replace("5002", "true"), "filters.1.id is wrong: it should be digits only"),
            (NORTH_AND_SOUTH.replace("paid =", "piad ="), "columns: names piad, and no such field is known"),
            (NORTH_AND_SOUTH.replace('["authorization"]', '["claim_id"]'), "says that claim_id is absent"),
            (
                NORTH_AND_SOUTH.replace("0.25", "25"),
                "least_share_of_last_report is wrong: it should be a number from 0",
            ),
            (NORTH_AND_SOUTH.replace("name =", "nmae ="), "customers.10001001: nmae is not known here"),
            (
                NORTH_AND_SOUTH.replace("name =", "nmae ="),
                "customers.10001002: name is missing: it should be a text",
            ),
            (
                NORTH_AND_SOUTH + 'password = "hunter2-hunter2"',
                "password is not known here: it should go (passwords,",
            ),
            (
                'COLLABORATEMD_PASSWORD = "hunter2-hunter2"',
                "COLLABORATEMD_PASSWORD is not known here: it should go",
            ),
            ('customers = "hunter2-hunter2"', "something else than a table a customer"),
            (
                '[customers]\n10001001 = "hunter2-hunter2"',
                "customers.10001001:  is wrong: it should be a table",
            ),
            ("[customers.10001001]\nfilters = []", "filters is wrong: it should be a list such as"),
            ("", "holds no customer"),
            ("name = hunter2-hunter2", "is not TOML at line 1, column"),
        ],
    )
    def test_what_is_wrong_is_named_by_its_place(
        self, several: Callable[[str], dict[str, str]], toml: str, expected: str
    ) -> None:
        found = problems(several(toml))
        assert [problem for problem in found if expected in problem], found
        assert all(problem.startswith("CLAIMS_CONFIG") for problem in found)
        assert not [problem for problem in found if "hunter2" in problem]

    def test_all_faults_of_all_customers_stand_in_one_message(
        self, several: Callable[[str], dict[str, str]]
    ) -> None:
        toml = NORTH_AND_SOUTH.replace("5002", "4001").replace('"5009"', '"x"')
        found = problems(several(toml) | {"BATCH_SIZE": "0"})
        assert len(found) == 3

    def test_a_customer_of_the_environment_has_no_place_beside_it(
        self, several: Callable[[str], dict[str, str]]
    ) -> None:
        found = problems(several(NORTH_AND_SOUTH) | ONE_CUSTOMER)
        assert [problem.split()[0] for problem in found] == list(ONE_CUSTOMER)

    def test_a_file_that_is_no_text(self, several: Callable[[str], dict[str, str]]) -> None:
        environ = several("")
        Path(environ["CLAIMS_CONFIG"]).write_bytes(b"\xff\xfe\x00")
        (problem,) = problems(environ)
        assert "cannot be read as a text in UTF-8" in problem


class TestTheSecret:
    ENVIRON = {
        **ONE_CUSTOMER,
        "CLAIMS_STORAGE": "/var/lib/claims",
        "CLAIMS_SECRET_ID": "collaboratemd/credentials",
    }
    HELD = {**PASSWORD_WAY, **{name: SHARED[name] for name in SHARED if name != "CLAIMS_STORAGE"}}

    def test_may_hold_whatever_the_environment_may(self) -> None:
        asked: list[tuple[str, str | None]] = []

        def read(secret_id: str, region: str | None) -> str:
            asked.append((secret_id, region))
            return json.dumps(
                {**self.HELD, "BATCH_SIZE": 50, "COLLABORATEMD_COLUMNS": {"paid": "Insurance Paid"}}
            )

        found = load(self.ENVIRON | {"AWS_REGION": "us-east-1"}, read)
        assert asked == [("collaboratemd/credentials", "us-east-1")]
        assert found.collaboratemd.password.get_secret_value() == "hunter2-hunter2"
        assert found.salesforce.batch_size == 50
        assert found.customers[0].columns == {"paid": "Insurance Paid"}

    def test_gives_way_to_the_environment(self) -> None:
        found = load(self.ENVIRON | {"SALESFORCE_DOMAIN": "login"}, lambda *_: json.dumps(self.HELD))
        assert found.salesforce.domain == "login"

    def test_unreadable_is_one_problem_and_nothing_is_called_missing_for_it(self) -> None:
        def read(secret_id: str, region: str | None) -> str:
            raise SecretUnreadable("AWS Secrets Manager answers AccessDeniedException")

        found = problems(self.ENVIRON | {"BATCH_SIZE": "0"}, read)
        assert [problem.split()[0] for problem in found] == ["CLAIMS_SECRET_ID", "BATCH_SIZE"]
        assert "AccessDeniedException" in found[0]

    @pytest.mark.parametrize("text", ["hunter2-hunter2", '["hunter2-hunter2"]'])
    def test_that_is_no_json_object_is_not_quoted(self, text: str) -> None:
        (problem,) = problems(self.ENVIRON, lambda *_: text)
        assert problem.startswith("CLAIMS_SECRET_ID cannot be used (it is not")
        assert "hunter2" not in problem

    def test_with_names_that_it_may_not_hold(self) -> None:
        held = {**self.HELD, "SALESFORCE_PASWORD": "hunter2-hunter2", "CLAIMS_CONFIG": "/etc/claims.toml"}
        found = problems(self.ENVIRON, lambda *_: json.dumps(held))
        assert [
            name for name in ("SALESFORCE_PASWORD", "CLAIMS_CONFIG") if any(name in each for each in found)
        ]
        assert len(found) == 2
        assert "hunter2" not in str(found)

    def test_that_aws_fails_to_give_is_transient(self) -> None:
        def read(secret_id: str, region: str | None) -> str:
            raise TransientError("AWS Secrets Manager cannot be reached")

        with pytest.raises(TransientError):
            load(self.ENVIRON, read)

    def test_is_read_from_aws_through_boto3(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import boto3

        server = serve_dynamodb()
        for name, value in {**server.environment(), "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url}.items():
            monkeypatch.setenv(name, value)
        try:
            client = boto3.client("secretsmanager", region_name="us-east-1")
            client.create_secret(Name="collaboratemd/credentials", SecretString=json.dumps(self.HELD))
            environ = self.ENVIRON | {"AWS_REGION": "us-east-1"}
            found = load_settings(environ, report_fields=tuple(BY_FIELD), claim_fields=CLAIM_FIELDS)
            assert found.collaboratemd.username == "api-user"
            with pytest.raises(
                SettingsError, match=r"CLAIMS_SECRET_ID cannot be used \(.*ResourceNotFoundException"
            ):
                load_settings(environ | {"CLAIMS_SECRET_ID": "gone"}, report_fields=(), claim_fields=())
        finally:
            server.close()


class TestCustomerNumbers:
    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"COLLABORATEMD_CUSTOMER": "x"},
            {"CLAIMS_CONFIG": "/no/such/claims.toml"},
            {"CLAIMS_CONFIG": "~nobody-at-all/claims.toml"},
            {"CLAIMS_CONFIG": "/"},
            {"CLAIMS_CONFIG": "\0"},
        ],
    )
    def test_are_none_when_nothing_usable_is_set(self, environ: dict[str, str]) -> None:
        assert customer_numbers(environ) == ()

    def test_are_known_before_anything_else_is_right(self, several: Callable[[str], dict[str, str]]) -> None:
        assert customer_numbers({"COLLABORATEMD_CUSTOMER": " 10001001 "}) == ("10001001",)
        path = several(NORTH_AND_SOUTH + "[customers.7]\n")["CLAIMS_CONFIG"]
        assert customer_numbers({"CLAIMS_CONFIG": path}) == ("10001001", "10001002")
        assert customer_numbers({"CLAIMS_CONFIG": several("oops")["CLAIMS_CONFIG"]}) == ()
        assert customer_numbers({"CLAIMS_CONFIG": several("customers = 3")["CLAIMS_CONFIG"]}) == ()


def test_secrets_do_not_print() -> None:
    shown = repr(load(GOOD)) + str(dataclasses.asdict(load(GOOD)))
    for name in ("COLLABORATEMD_PASSWORD", "SALESFORCE_PASSWORD", "SALESFORCE_SECURITY_TOKEN"):
        assert GOOD[name] not in shown


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(GOOD).log_level = "DEBUG"  # type: ignore[misc]  # that is what is tried


def test_the_list_for_the_docs_has_each_name_once_with_its_default() -> None:
    listed = describe_settings()
    names = [name for each in listed for name in (each.name, *each.also)]
    assert len(set(names)) == len(names)
    assert {each.name for each in listed if each.is_secret} == {
        "COLLABORATEMD_PASSWORD",
        "SALESFORCE_PASSWORD",
        "SALESFORCE_SECURITY_TOKEN",
        "SALESFORCE_CONSUMER_SECRET",
        "SALESFORCE_PRIVATE_KEY",
        "CLAIMS_ALERTS_TO",
    }
    defaults = {each.name: each.default for each in listed if each.default}
    assert defaults["DYNAMODB_TABLE_NAME"] == "collaboratemd-state"
    assert defaults["COLLABORATEMD_FILTER_CLAIM_COMPLETE"] == "false"
    assert load(GOOD | defaults) == load(GOOD)
    assert all(each.meaning and each.shape for each in listed)


class TestAlertAddresses:
    def test_are_several_with_white_space_between_each_once(self) -> None:
        topic, hook = "arn:aws:sns:us-east-1:123456789012:claims", "https://hooks.slack.com/services/A/B/C"
        found = load(GOOD | {"CLAIMS_ALERTS_TO": f" {topic}\n{hook}  {topic}"}).alerts
        assert [each.get_secret_value() for each in found.to] == [topic, hook]
        assert hook not in repr(found)

    @pytest.mark.parametrize(
        "wrong",
        ["on-call@example.com", "arn:aws:sqs:us-east-1:123456789012:q", "http://example.com/x", "json://h/x"],
    )
    def test_a_wrong_one_is_named_by_its_place_alone(self, wrong: str) -> None:
        (problem,) = problems(GOOD | {"CLAIMS_ALERTS_TO": f"https://right.example.com/x {wrong}"})
        assert "CLAIMS_ALERTS_TO" in problem
        assert "(address 2)" in problem
        assert wrong not in problem


class TestTheSecretForAWhile:
    def test_is_asked_for_again_when_the_while_is_over(self) -> None:
        now, asked = 0.0, list[str]()

        def read(secret_id: str, region: str | None) -> str:
            asked.append(secret_id)
            return f"text {len(asked)}"

        secret = SecretForAWhile(read, 600, lambda: now)
        assert [secret("claims", None), secret("claims", None)] == ["text 1", "text 1"]
        now = 599
        assert secret("claims", None) == "text 1"
        now = 600
        assert secret("claims", None) == "text 2"
        assert secret("another", None) == "text 3"

    def test_a_failure_is_not_kept(self) -> None:
        answers = iter([TransientError("later"), "text"])

        def read(secret_id: str, region: str | None) -> str:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        secret = SecretForAWhile(read, 600, lambda: 0.0)
        with pytest.raises(TransientError):
            secret("claims", None)
        assert secret("claims", None) == "text"
