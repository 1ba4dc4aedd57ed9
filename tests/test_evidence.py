"""Stored runs become tables: the shapes that the ledger reads, from runs written by hand."""

from reproduction.checking import measurements as evidence


def run(experiment: str, seed: int = 0, **more: object) -> dict:
    config = {"experiment": experiment, "dataset": "mnist", "model": "MLP", "seed": seed}
    return {"config": config, **more}


def point(d_t: float, d_r: float) -> dict[str, float]:
    return {"d_t": d_t, "d_r": d_r}


def test_undone_epochs_have_both_orders() -> None:
    curves = {
        "training": [point(0, 10), point(97, 98)],
        "baseline": {"backward": [point(97, 98), point(1, 60)], "forward": [point(97, 98)] * 3},
        "proposed": {"backward": [point(97, 98), point(9, 95)], "forward": [point(97, 98)] * 3},
    }
    frame = evidence.undone_epochs([run("amnesiac", curves=curves)])
    backward = frame[frame.order == "backward"]
    assert frame.order.value_counts().to_dict() == {"backward": 4, "forward": 6}
    assert backward[["method", "epochs", "d_t"]].values.tolist() == [
        ["baseline", 0, 97],
        ["baseline", 1, 1],
        ["proposed", 0, 97],
        ["proposed", 1, 9],
    ]
    assert set(frame.seed) == {0} and set(frame.model) == {"MLP"}


def test_steps_carry_their_family() -> None:
    curves = {"baseline": [point(97, 98), point(2, 90)], "proposed": [point(97, 98)]}
    frame = evidence.steps([run("label_flipping", curves=curves)], "label_flipping")
    assert frame[["family", "dataset", "method", "step", "d_r"]].values.tolist() == [
        ["label_flipping", "mnist", "baseline", 0, 98],
        ["label_flipping", "mnist", "baseline", 1, 90],
        ["label_flipping", "mnist", "proposed", 0, 98],
    ]
    assert evidence.steps([], "label_flipping").empty


def test_rows_carry_what_the_configuration_adds() -> None:
    result = run("shares", seed=2, rows=[{"method": "amnesiac", "d_t": 1.0, "d_r": 50.0}])
    result["config"]["share"] = 0.2
    (row,) = evidence.rows([result]).to_dict("records")
    assert (row["share"], row["seed"], row["method"], row["d_r"]) == (0.2, 2, "amnesiac", 50.0)


def test_similarities_carry_the_accuracy_of_their_model() -> None:
    alike = {"image": [7, 8], "baseline": [0.1, 0.2], "proposed": [0.8, 0.9], "retrained": [0, 0]}
    accuracies = [
        {"method": name, "d_t": d_t} for name, d_t in zip(alike, (0, 2.0, 4.0, 0), strict=True)
    ]
    frame = evidence.map_similarities([run("maps", similarities=alike, rows=accuracies)])
    assert frame[["method", "image", "similarity", "d_t"]].values.tolist() == [
        ["baseline", 7, 0.1, 2.0],
        ["baseline", 8, 0.2, 2.0],
        ["proposed", 7, 0.8, 4.0],
        ["proposed", 8, 0.9, 4.0],
    ]


def test_storage_has_no_seed() -> None:
    frame = evidence.storage([run("amnesiac", facts={"kept_share": 0.25})])
    assert frame.to_dict("records") == [{"dataset": "mnist", "model": "MLP", "kept_share": 0.25}]


def test_nothing_stored_is_an_empty_table() -> None:
    assert evidence.rows([]).empty and evidence.undone_epochs([]).empty
    assert evidence.Evidence(evidence.rows([])).rows("figure_4").empty
