"""Every argument of every public function refuses what it cannot be: a table made from the signatures themselves.

`GOOD` has one call that works for each function, `BAD` the values that an argument of this name never takes. Each is
put into the call in turn. A public function that is in neither `GOOD` nor `INNER`, or an argument that is in neither
`BAD` nor `FREE`, fails: a new one cannot be forgotten.
"""

import copy
import inspect
import pickle
import pkgutil
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
import pytest

import minilaplace
from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
)

N = 4
X, LABELS, TARGETS = np.arange(8.0).reshape(N, 2), np.array([0, 1, 1, 0]), np.linspace(0, 1, N)
NETWORK = MLP(2, 1)
MODEL, REGRESSION = BayesianModel(NETWORK, Bernoulli()), BayesianModel(NETWORK, Gaussian())
THETA = np.array([1.0, 2.0, 3.0])
P_NEW = np.array([0.2, 0.9, 0.6, 0.4])
DEEP, SMALL = BayesianModel(MLP(2, 3, 1), Bernoulli()), BayesianModel(NETWORK, Bernoulli(), 10.0)
FITTED = Laplace(MODEL, THETA).fit(X, LABELS)
FITTED_REGRESSION = Laplace(REGRESSION, THETA).fit(X, TARGETS)

# What is not an entrance: it computes with what has been checked, and looks at shapes at most (DESIGN: inner loops).
INNER = {
    "plotting.style.style_of",
    "one_page",  # to be read, without checks
    "calibration.classes.probabilities",
    "network.pairs",
    "network.modules",
    "network.second_order",
    "parallel",
    "evidence.same_inputs",
    "evidence.tunable_fit",
    "training.convergence.callers_level",
    "curvature.add_gram",
    "network.mlp.MLP.check_readable",
    "model.classes.of_labels",
    "model.likelihood",
    "network.activation",
    "posterior.cholesky",
    "evidence.marginal_likelihood",
    "structures.fit",
    "network.jacobian",
    "structures.kronecker",
    "network.layer_blocks",
    "network.layer_pairs",
    "network.unit_pairs",
    "network.products",
    "structures.low_rank",
    "predictive.distribution",
    "predictive.left_out",
    "predictive.outputs",
    "posterior.gaussian",
    "predictive.information",
    "predictive.links",
    "predictive.uncertainty",
    "storage",
    "structures.full",
    "network.subset",
    "validation",  # the checks themselves
    "sklearn.classifier",
    "sklearn.files",
    "sklearn.fitting",
    "sklearn.regressor",
    "sklearn.starts",
    "sklearn.scales",
    "sklearn.base",
    "sklearn.conventions",
    "sklearn.mlp",  # scikit-learn's rules, by its own checks, in test_sklearn.py
    "explorer.explorer",
    "explorer.panel",
    "explorer.window",  # moved by hand, in tests of their own
    "explorer.contents",
    "explorer.controls",
    "explorer.layout",
    "explorer.page.save_page",  # the page, at a path
    "checks.differences",
    "checks.verdict",  # what `checks` says, and why
    "evidence.importance.ImportanceSample",
    "evidence.pareto",
    "model_average.chains.Chains",
    "model_average.exact.ExactPosterior",
    "model_average.warm_up",
    "model_average.hamiltonian.leapfrog",
    "training.map_estimate.optimizer_of",
    "model.bayesian_model.BayesianModel.pull",
    "training.map_estimate.check_finite",
    "training.map_estimate.descended",
    "training.advice",
    "evidence.tuning.at_edge",
    "__main__",
    "figures",  # the main job, whose arguments the command line checks
    "curvature.Contribution",
    "curvature.contributions",
    "curvature.finite_curvature",
    "network.mlp.Trace",
    "network.mlp.MLP.layers",
    "network.mlp.MLP.forward",
    "network.mlp.MLP.backward",
    "network.mlp.MLP.jacobian",
    "network.mlp.MLP.second_order",
    "network.mlp.MLP.trace",
    "model.bayesian_model.BayesianModel.loss",
    "model.bayesian_model.BayesianModel.gradient",
    "model.bayesian_model.BayesianModel.loss_and_gradient",
    "model.bayesian_model.BayesianModel.prior_over",
    "model.bayesian_model.BayesianModel.prior_mean_over",
    "model.bayesian_model.BayesianModel.with_prior_over",
    "model.bayesian_model.BayesianModel.check_theta",
    "model.bayesian_model.BayesianModel.check_inputs",
    "model.bayesian_model.BayesianModel.check_data",
    "model.bayesian_model.BayesianModel.check_weighted",
    "model.weights",
    "model.bayesian_model.BayesianModel.check_targets",
    "training.convergence.ConvergenceWarning",
    "training.lbfgs.is_mode",
    "training.convergence.warn",
    "training.convergence.convergence_heard",
    "training.lbfgs.LBFGS.minimise",
    "training.adam.Adam.gradient",
    "training.adam.Adam.minimise",
    "evidence.tuning.tune",
    "evidence.by_predictions",
    "calibration.classes.BrierDecomposition",
    "calibration.classes.ReliabilityDiagram",
    "plotting.contour.plane",
    "plotting.contour.add_colorbar",
    "plotting.contour.class_probabilities",
    "plotting.contour.fill_contours",
    "plotting.contour.scatter_class",
    "plotting.style.panel",
}
for kind in (
    "model.classes.Bernoulli",
    "model.classes.BradleyTerry",
    "model.classes.Categorical",
    "model.gaussian.Gaussian",
    "model.heteroscedastic.HeteroscedasticGaussian",
    "model.poisson.Poisson",
):
    INNER |= {f"{kind}.{method}" for method in dir(Gaussian) if not method.startswith("_")}


def square(theta):
    return float(theta @ theta)


def doubled(theta):
    return 2 * theta


WEIGHTS = np.array([0.0, 1.0, 2.0, 0.5])
DATA = {"model": MODEL, "theta": THETA, "X": X, "y": LABELS}
WEIGHTED = {**DATA, "sample_weight": WEIGHTS}
INTERVALS = {"mean": TARGETS, "variance": np.ones(N), "y": TARGETS + 0.5}
GOOD = {
    "data.toy_data_linear": {"n": 8, "rng": 0},
    "data.toy_data_non_linear": {"n": 8, "rng": 0},
    "data.toy_data_multi": {"n": 8, "rng": 0},
    "data.toy_data_regression": {"n": 8, "noise": 0.1, "rng": 0},
    "network.mlp.MLP": {"activation": "tanh"},
    "network.mlp.MLP.init": {"rng": 0},
    "model.classes.Bernoulli": {},
    "model.classes.BradleyTerry": {},
    "model.classes.Categorical": {},
    "model.gaussian.Gaussian": {"sigma_noise": 1.0},
    "model.heteroscedastic.HeteroscedasticGaussian": {},
    "model.poisson.Poisson": {},
    "model.bayesian_model.BayesianModel": {
        "network": NETWORK, "likelihood": Bernoulli(), "prior_precision": 1.0, "prior_mean": 0.0,
    },
    "training.map_estimate.fit_map": {
        "model": MODEL, "X": X, "y": LABELS, "theta0": THETA, "method": "lbfgs", "rng": 0,
        "sample_weight": WEIGHTS,
    },
    "training.lbfgs.LBFGS": {"max_iterations": 3, "tolerance": 1e-6},
    "training.adam.Adam": {"epochs": 3, "batch_size": 2, "learning_rate": 0.1, "shuffle": True},
    "curvature.ggn": WEIGHTED,
    "curvature.hessian": WEIGHTED,
    "curvature.empirical_fisher": WEIGHTED,
    "evidence.joint.marglik_training": {
        "model": MODEL, "X": X, "y": LABELS, "prior_structure": "scalar", "optimize_noise": False, "theta0": THETA,
        "rng": 0, "tol": 1e3, "max_rounds": 1, "max_iterations": 5, "to_mode": False, "sample_weight": WEIGHTS,
    },
    "evidence.symmetry.log_symmetries": {"network": NETWORK},
    "structures.subnetwork.largest_magnitude": {"theta": THETA, "n_weights": 2},
    "structures.subnetwork.largest_variance": {**DATA, "n_weights": 2},
    "structures.subnetwork.random_weights": {"network": NETWORK, "n_weights": 2, "rng": 0},
    "structures.subnetwork.weights_of_layers": {"network": NETWORK, "layers": [0]},
    "laplace.Laplace": {
        "model": MODEL, "theta": THETA, "temperature": 1.0, "curvature": "ggn", "hessian_structure": "lowrank",
        "subset_of_weights": "subnetwork", "subnetwork_indices": [0, 1], "rank": 2,
    },
    "laplace.Laplace.fit": {
        "X": X, "y": LABELS, "sample_weight": WEIGHTS, "batch_size": 2, "executor": None, "override": True,
    },
    "laplace.Laplace.predict": {"X": X, "link_approx": "probit", "n_samples": 2, "rng": 0},
    "laplace.Laplace.leave_one_out": {
        "X": X, "y": LABELS, "link_approx": "probit", "sample_weight": np.ones(N), "n_samples": 2, "rng": 0,
    },
    "laplace.Laplace.uncertainty": {"X": X, "n_samples": 2, "rng": 0},
    "laplace.Laplace.glm_predictive_distribution": {"X": X},
    "laplace.Laplace.functional_covariance": {"X": X, "X_other": X[:2]},
    "laplace.Laplace.information_gain": {"X": X, "joint": True, "n_samples": 2, "rng": 0},
    "laplace.Laplace.functional_samples": {"X": X, "n_samples": 2, "rng": 0},
    "laplace.Laplace.sample": {"n_samples": 2, "rng": 0},
    "laplace.Laplace.log_marginal_likelihood": {"prior_precision": 1.0},
    "laplace.Laplace.optimize_prior_precision": {
        "method": "held_out", "prior_structure": "scalar", "optimize_noise": False, "X": X, "y": LABELS,
        "link_approx": "plugin", "budget": 0.1,
    },
    "laplace.Laplace.as_prior": {},
    "laplace.Laplace.save": {},
    "laplace.Laplace.load": {},
    "checks.derivatives.check_gradient": {
        "fun": square, "grad": doubled, "theta": THETA, "rtol": 1e-6, "mistakes": {},
    },
    "checks.derivatives.check_jacobian": {
        "fun": doubled, "jac": lambda t: 2 * np.eye(3), "theta": THETA, "rtol": 1e-6, "mistakes": {},
    },
    "checks.derivatives.check_hessian": {
        "fun": square, "hess": lambda t: 2 * np.eye(3), "theta": THETA, "rtol": 1e-6, "mistakes": {},
    },
    "checks.answers.check_equal": {
        "name": "x", "received": [1.0], "expected": [1.0], "rtol": 1e-9, "mistakes": {"twice": [2.0]},
    },
    "checks.answers.check_function": {
        "name": "x", "received": doubled, "expected": doubled, "draw": lambda rng: rng.normal(size=3), "n_draws": 2,
        "rtol": 1e-9, "mistakes": {"once": lambda t: t}, "rng": 0,
    },
    "model_average.chains.split_r_hat": {"draws": np.arange(16.0).reshape(2, 8)},
    "model_average.chains.effective_sample_size": {"draws": np.arange(16.0).reshape(2, 8)},
    "model_average.dropout.dropout_masks": {"network": DEEP.network, "rate": 0.1, "n_samples": 2, "rng": 0},
    "model_average.dropout.fit_dropout": {
        "model": DEEP, "X": X, "y": LABELS, "rate": 0.1, "theta0": np.zeros(13), "rng": 0, "epochs": 1, "batch_size": 2,
        "learning_rate": 0.1, "sample_weight": WEIGHTS,
    },
    "model_average.dropout.mc_dropout": {
        "model": DEEP, "X": X, "y": LABELS, "n_samples": 2, "rate": 0.1, "rng": 0, "epochs": 1,
    },
    "model_average.exact.exact_average": {"model": SMALL, "X_train": X, "y_train": LABELS, "X": X},
    "model_average.exact.exact_posterior": {"model": SMALL, "X": X, "y": LABELS, "sample_weight": WEIGHTS},
    "model_average.hamiltonian.hmc": {
        "model": MODEL, "X": X, "y": LABELS, "n_samples": 4, "n_chains": 1, "n_warmup": 20, "n_leapfrog": 1,
        "theta0": THETA, "rng": 0, "sample_weight": WEIGHTS,
    },
    "network.interchange.from_layers": {"layers": [(np.ones((1, 2)), np.ones(1))], "activation": "tanh"},
    "network.interchange.from_torch": {
        "source": {"0.weight": np.ones((1, 2)), "0.bias": np.ones(1)}, "activation": "tanh",
    },
    "network.interchange.to_layers": {"network": NETWORK, "theta": THETA},
    "network.interchange.to_state_dict": {"network": NETWORK, "theta": THETA, "names": ["only"]},
    "laplace.Laplace.under": {"prior_precision": 1.0, "temperature": 2.0},
    "model.bayesian_model.BayesianModel.under": {"prior_precision": 1.0},
    "evidence.importance.importance_sample": {
        "la": FITTED, "X": X, "y": LABELS, "n_samples": 25, "rng": 0, "sample_weight": np.ones(N),
    },
    "model_average.average.average": {"model": MODEL, "thetas": [THETA] * 3, "X": X, "weights": [1, 0, 2]},
    "model_average.mixture.mixture": {
        "laplaces": [FITTED] * 3, "X": X, "link_approx": "mc", "weights": [1, 0, 2], "n_samples": 2, "rng": 0,
    },
    "model_average.ensemble.deep_ensemble": {
        "model": MODEL, "X": X, "y": LABELS, "n_members": 1, "rng": 0, "sample_weight": WEIGHTS,
    },
    "calibration.classes.negative_log_likelihood": {"p": P_NEW, "y": LABELS},
    "calibration.classes.brier_score": {"p": P_NEW, "y": LABELS},
    "calibration.classes.brier_decomposition": {"p": P_NEW, "y": LABELS, "n_bins": 3},
    "calibration.classes.accuracy": {"p": P_NEW, "y": LABELS},
    "calibration.classes.reliability_diagram": {"p": P_NEW, "y": LABELS, "n_bins": 3, "strategy": "uniform"},
    "calibration.classes.expected_calibration_error": {"p": P_NEW, "y": LABELS, "n_bins": 3, "strategy": "uniform"},
    "calibration.classes.maximum_calibration_error": {"p": P_NEW, "y": LABELS, "n_bins": 3, "strategy": "uniform"},
    "calibration.classes.sharpness": {"p": P_NEW},
    "calibration.regression.gaussian_nll": INTERVALS,
    "calibration.regression.crps": INTERVALS,
    "calibration.regression.quantile_coverage": {**INTERVALS, "levels": [0.5]},
    "calibration.regression.interval_coverage": {**INTERVALS, "levels": [0.5]},
    "calibration.regression.pit": INTERVALS,
    "calibration.regression.pit_histogram": {**INTERVALS, "n_bins": 3},
    "calibration.regression.variance_scale": INTERVALS,
    "calibration.regression.regression_sharpness": {"variance": np.ones(N)},
    "calibration.out_of_distribution.max_probability_score": {"p": P_NEW},
    "calibration.out_of_distribution.entropy_score": {"p": P_NEW},
    "calibration.out_of_distribution.mutual_information_score": {"p_samples": [P_NEW, P_NEW]},
    "calibration.out_of_distribution.auroc": {"inside_scores": [0.1, 0.2], "outside_scores": [0.3]},
    "calibration.out_of_distribution.fpr_at_recall": {
        "inside_scores": [0.1, 0.2], "outside_scores": [0.3], "recall": 0.9,
    },
    "plotting.contour.plot_contour": {
        "la": FITTED, "X": X, "y": LABELS, "link_approx": "plugin", "target": 1, "margin": 0.2, "n_grid": 3,
        "colorbar": False,
    },
    "explorer.page.page": {"la": FITTED, "X": X, "y": LABELS, "link_approx": "plugin", "structures": ["kron"]},
    "plotting.contour.plot_plugin_and_laplace": {"la": FITTED, "X": X, "y": LABELS, "margin": 0.2, "n_grid": 3},
    "plotting.method.plot_method": {"la": FITTED, "X": X, "y": LABELS, "at": np.ones(2)},
    "plotting.method.plot_network": {"network": NETWORK, "theta": THETA, "texts": None},
    "plotting.calibration.plot_reliability": {"p": P_NEW, "y": LABELS, "n_bins": 3},
    "plotting.calibration.plot_coverage": INTERVALS,
    "plotting.calibration.plot_pit": INTERVALS,
    "plotting.calibration.plot_ood": {"inside_scores": [0.1, 0.2], "outside_scores": [0.3]},
}  # fmt: skip

# Methods are called on one of these.
OWNERS = {"network.mlp.MLP": NETWORK, "laplace.Laplace": FITTED, "model.bayesian_model.BayesianModel": MODEL}

NAN, INF = np.nan, np.inf
WHOLE = [0, -1, 2.5, True, "3", NAN, None, [2]]
POSITIVE = [0, -1.5, NAN, INF, "1", 1j, [[1.0]], None]
NAME = ["no such name", "", 3, ["tanh"], b"tanh"]
TRUTH = ["no", 1, None, np.array([True, False])]
VECTOR = [1.0, np.ones(7), np.ones((1, 3)), [1.0, NAN, 1.0], [1.0, INF, 1.0], list("abc"), [[1], [1, 2]], THETA + 1j]
LABEL = [
    [0, 1, 2, 7],
    [0, -1, 1, 1],
    [0.5, 1, 0, 1],
    [0, 1, 0, NAN],
    LABELS[:3],
    LABELS[:, None],
    1,
    list("abab"),
    None,
]
REAL = [TARGETS[:3], [0.0, 1.0, NAN, 2.0], [0.0, 1.0, INF, 2.0], list("abcd"), TARGETS + 1j, [], None, 3.0]
INPUT = [np.ones((N, 3)), np.ones(2), np.ones((0, 2)), np.ones((N, 2, 1)), X + NAN, X - INF, X.astype(str), X + 1j,
         None, [[1.0, 2.0], [3.0]], X.astype(object)]  # fmt: skip
PROBABILITY = [[0.5, 1.5, 0, 1], [-0.2, 0, 0, 1], [0.1, NAN, 0, 1], [[0.5, 0.6]] * N, [], 0.5, list("abcd"), None]
SEED = [-1, 1.5, True, "0", [1], np.random.RandomState(0)]
BAD = {
    "n": WHOLE, "n_samples": WHOLE, "n_bins": WHOLE, "n_weights": WHOLE, "n_grid": WHOLE, "batch_size": WHOLE,
    "max_rounds": WHOLE, "max_iterations": WHOLE, "epochs": WHOLE, "rank": WHOLE, "target": [-1, 2, 2.5, True, None],
    "rng": SEED, "noise": [-1.0, NAN, INF, "1", 1j, [1.0], None], "margin": [NAN, INF, "1", 1j, [1.0], None],
    "at": [NAN, [1.0], [[1.0, 2.0]], [1.0, NAN], [1.0, INF], [1j, 1.0], "ab", None],
    "texts": [3, [1, 2], [["x"], ["f"]], [["a", "b"]], "abc"],
    "activation": [*NAME, None], "curvature": [*NAME, None], "hessian_structure": [*NAME, None],
    "subset_of_weights": [*NAME, None], "method": [*NAME, None], "prior_structure": [*NAME, None],
    "strategy": [*NAME, None], "link_approx": NAME,
    "sigma_noise": POSITIVE, "temperature": POSITIVE, "learning_rate": POSITIVE, "tol": POSITIVE, "rtol": POSITIVE,
    "prior_precision": [0, -1, NAN, INF, "1", 1j, [1.0, 0.0, 1.0], np.ones(7), -np.eye(3), np.tri(3), None],
    "prior_mean": [NAN, INF, "1", 1j, np.ones(7), [1.0, NAN, 1.0], None],
    "shuffle": TRUTH, "override": TRUTH, "optimize_noise": TRUTH, "to_mode": TRUTH, "colorbar": TRUTH, "joint": TRUTH,
    "model": [None, NETWORK, "model", BayesianModel], "network": [None, (2, 1), MLP, "MLP"],
    "likelihood": [None, "bernoulli", Bernoulli, Categorical()], "la": [None, MODEL, "la", FITTED_REGRESSION],
    "theta": [*VECTOR, None], "theta0": VECTOR,
    "subnetwork_indices": [[0, 3], [-1], [0.5], [0, 0], [], [[0]], "0", None],
    "layers": [[1], [-2], [0.5], [True], [], ["0"], 0, None],
    "X": INPUT, "y": LABEL, "p": PROBABILITY, "p_samples": [*PROBABILITY, P_NEW],
    "mean": REAL, "variance": [*REAL, [1.0, 0.0, 1.0, 1.0], -np.ones(N)],
    "levels": [[1.5], [-0.1], [NAN], [], 0.5, ["a"], None],
    "inside_scores": [[], [NAN], [INF], 0.5, [[0.5]], ["a"], None],
    "outside_scores": [[], [NAN], [INF], 0.5, [[0.5]], ["a"], None],
    "structures": [[], ["no such name"], ["gp"], [3], "kron", 3],
    "recall": [0, 1.5, -0.5, NAN, "1", [0.5], None],
    "budget": POSITIVE,
    "sample_weight": [WEIGHTS[:3], WEIGHTS[:, None], -WEIGHTS, [0.0] * N, [1.0, NAN, 1.0, 1.0], [INF, 1.0, 1.0, 1.0],
                      1.0, list("abcd"), WEIGHTS + 1j],
    "executor": [2, "threads", object()], "callback": [3, "print"],
    "n_members": WHOLE, "n_chains": WHOLE, "n_warmup": [*WHOLE, 19], "n_leapfrog": WHOLE, "tolerance": POSITIVE,
    "rate": [-0.1, 1, 1.5, NAN, INF, "0.1", 1j, [0.1], None],
    "draws": [[1.0], np.ones((2, 3)), [[NAN] * 8] * 2, "a", None], "X_train": INPUT, "y_train": LABEL, "X_other": INPUT,
    "weights": [[1, 1], [1, -1, 1], [0, 0, 0], [1, NAN, 1], [1, INF, 1], [[1, 1, 1]], 1.0, "mass", list("abc"), None],
    "laplaces": [None, FITTED, [], [MODEL], [FITTED, FITTED_REGRESSION], [Laplace(MODEL, THETA)], "la"],
    "thetas": [THETA, np.ones((2, 4)), [[1, 2, NAN]], np.ones((0, 3)), ["abc"], None],
    "source": [None, 3, {}, {"0.weight": np.ones((1, 2))}, {"0.weight": np.ones(2), "0.bias": np.ones(1)}],
    "names": [["a", "b"], [], 3], "name": [None, 3], "received": ["a", None, 1j], "expected": ["a", None, 1j, []],
    "mistakes": [["twice"], {1: doubled}, {"once": "a"}], "draw": [None, 3], "n_draws": WHOLE,
    "fun": [None, 3, lambda t: "a", lambda t: None, lambda t: t + 1j], "grad": [None, 3, lambda t: "a"],
    "jac": [None, 3, lambda t: "a"], "hess": [None, 3, lambda t: "a"],
}  # fmt: skip
BAD_FOR = {
    ("network.interchange.from_layers", "layers"): [[], [3], [(np.ones(2), np.ones(1))],
                                            [(np.ones((1, 2)), np.ones(2))],
                                            [(np.ones((1, 2)), [NAN])], [(np.ones((1, 2)), ["a"])], 3, None],
}  # fmt: skip
NOT_BAD = {  # what a name never is, but for these functions
    ("checks.derivatives.check_gradient", "theta"): [np.ones(7)],
    ("checks.derivatives.check_jacobian", "theta"): [np.ones(7)],
    ("checks.derivatives.check_hessian", "theta"): [np.ones(7)],
    ("structures.subnetwork.largest_magnitude", "theta"): [np.ones(7)],
    ("calibration.out_of_distribution.mutual_information_score", "p_samples"): [
        [[0.5, 0.6]] * N
    ],  # four samples of two inputs
    **{(f"checks.derivatives.check_{what}", "rtol"): [0] for what in ("gradient", "jacobian", "hessian")},
    ("calibration.classes.brier_decomposition", "n_bins"): [None],
    ("laplace.Laplace", "rank"): [None],
    ("checks.answers.check_equal", "rtol"): [0],
    ("checks.answers.check_function", "rtol"): [0],
    ("model_average.hamiltonian.hmc", "theta0"): [np.ones((1, 3))],  # one chain's
    ("network.interchange.from_torch", "activation"): [None],  # of one layer, which has none
    ("laplace.Laplace.under", "prior_precision"): [None],
    ("model.bayesian_model.BayesianModel.under", "prior_precision"): [None],
    ("laplace.Laplace.under", "temperature"): [None],
    ("model_average.average.average", "weights"): [None],
    ("evidence.importance.importance_sample", "la"): [FITTED_REGRESSION],  # with y that are not its data
    ("laplace.Laplace.fit", "batch_size"): [None],
    ("laplace.Laplace.functional_covariance", "X_other"): [None],
    ("laplace.Laplace.log_marginal_likelihood", "prior_precision"): [None],
}
# Pictures take any words and axes; paths and the options of others have tests of their own.
FREE = {"title", "label", "ax", "sizes", "options", "path"}
NAMED_AS = {"y": ["y", "mean"], "variance": ["variance", "mean"], "mean": ["mean", "variance", "y"],
            "likelihood": ["likelihood", "network"], "hessian_structure": ["hessian_structure", "curvature", "rank"],
            "subset_of_weights": ["subset_of_weights", "subnetwork_indices"], "fun": [r"fun(\(theta\))?"],
            "grad": [r"grad(\(theta\))?"], "jac": [r"jac(\(theta\))?"], "hess": [r"hess(\(theta\))?"],
            "y_train": ["y"], "X_train": ["X"], "source": [r"(source|layers?)[^:]*"], "layers": [r"layers[^:]*"],
            "p": ["p", "y"], "prior_structure": ["prior_structure"]}  # fmt: skip


def public_callables():
    """Return {module.name or module.class.method: callable} of the whole package."""
    found = {}
    for info in pkgutil.walk_packages(minilaplace.__path__, "minilaplace."):
        module, path = import_module(info.name), info.name.removeprefix("minilaplace.")
        for name, value in vars(module).items():
            if name.startswith("_") or not callable(value) or getattr(value, "__module__", None) != module.__name__:
                continue
            found[f"{path}.{name}"] = value
            if inspect.isclass(value):
                methods = inspect.getmembers(value, lambda m: inspect.isfunction(m) or inspect.ismethod(m))
                found |= {f"{path}.{name}.{m}": f for m, f in methods if not m.startswith("_")}
    return found


CALLABLES = public_callables()


def is_inner(name):
    parts = name.split(".")
    return any(".".join(parts[:k]) in INNER for k in range(1, len(parts) + 1))


def arguments(name):
    parameters = inspect.signature(CALLABLES[name]).parameters
    return [argument for argument in parameters if argument != "self"]


def test_no_public_function_is_forgotten():
    assert {name for name in CALLABLES if not is_inner(name)} == GOOD.keys()


def test_no_argument_is_forgotten():
    assert {a for name in GOOD for a in arguments(name)} - FREE <= BAD.keys()


def test_nothing_is_listed_that_does_not_exist():
    modules = {".".join(name.split(".")[:k]) for name in CALLABLES for k in (1, 2)}
    methods = {name for name in INNER if name.startswith("model.")}  # of a likelihood: not each has all of them
    assert INNER - methods <= CALLABLES.keys() | modules


def call(name, /, **changes):
    owner = OWNERS.get(name.rpartition(".")[0])
    function = CALLABLES[name] if owner is None else getattr(copy.copy(owner), name.rpartition(".")[2])
    positional = (2, 3, 1) if name == "network.mlp.MLP" else ()
    return function(*positional, **{**GOOD[name], **changes})


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"laplace.Laplace.save", "laplace.Laplace.load"}))
@pytest.mark.filterwarnings("ignore::minilaplace.ConvergenceWarning")
def test_the_good_call_works(name):
    call(name)
    plt.close("all")


def same(one, other):
    return type(one) is type(other) and np.array_equal(np.asarray(one, dtype=object), np.asarray(other, dtype=object))


def is_bad(name, argument, value):
    return not any(same(value, good) for good in NOT_BAD.get((name, argument), []))


REGRESSIONS = ("calibration.regression.", "plotting.calibration.plot_coverage", "plotting.calibration.plot_pit")


def bad_values(name, argument):
    if (name, argument) in BAD_FOR:
        return BAD_FOR[name, argument]
    values = REAL if argument == "y" and name.startswith(REGRESSIONS) else BAD[argument]
    return [value for value in values if is_bad(name, argument, value)]


ROWS = [
    pytest.param(name, argument, value, id=f"{name}-{argument}-{k}")
    for name in sorted(GOOD)
    for argument in arguments(name)
    if argument not in FREE and (argument in GOOD[name] or argument in ("executor", "callback"))
    for k, value in enumerate(bad_values(name, argument))
]


@pytest.mark.parametrize(("name", "argument", "value"), ROWS)
def test_an_argument_refuses_what_it_cannot_be_and_nothing_changes(name, argument, value):
    owner, rng = OWNERS.get(name.rpartition(".")[0]), np.random.default_rng(3)
    before = None if owner is None else pickle.dumps(owner)
    changes = {"rng": rng} if "rng" in GOOD[name] and argument != "rng" else {}
    state = rng.bit_generator.state
    names = "|".join(NAMED_AS.get(argument, [argument]))
    with pytest.raises((ValueError, TypeError), match=rf"^({names}): expected [\s\S]+, received [\s\S]+"):
        call(name, **changes, **{argument: value})
    assert rng.bit_generator.state == state, "a refused call has drawn numbers"
    assert owner is None or pickle.dumps(owner) == before
    assert not plt.get_fignums(), "a refused picture has opened a window"


def test_the_methods_that_need_a_fit_say_so():
    unfitted = Laplace(MODEL, THETA)
    for name in GOOD:
        if name.startswith("laplace.Laplace.") and name.split(".")[-1] not in ("fit", "save", "load", "under"):
            method = getattr(unfitted, name.split(".")[-1])
            with pytest.raises(ValueError, match=r"^Laplace: expected a fit to data before this call"):
                method(**GOOD[name])
    with pytest.raises(ValueError, match=r"^Laplace: expected a fit to data before this call"):
        _ = unfitted.posterior


@pytest.mark.parametrize("what", ["a regression", "a predicted noise", "pairs", "three inputs"])
def test_a_picture_of_classes_over_a_plane_needs_both(what):
    from minilaplace import BradleyTerry, HeteroscedasticGaussian
    from minilaplace.plotting.contour import plot_contour

    model = {
        "a regression": BayesianModel(MLP(2, 1), Gaussian()),
        "a predicted noise": BayesianModel(MLP(2, 2), HeteroscedasticGaussian()),
        "pairs": BayesianModel(MLP(2, 1), BradleyTerry()),
        "three inputs": BayesianModel(MLP(3, 1), Bernoulli()),
    }[what]
    la = Laplace(model, np.zeros(model.network.n_params))
    with pytest.raises(ValueError, match=r"^la: expected a classifier of two inputs, received (Paired)?MLP"):
        plot_contour(la, X, LABELS)


def test_held_out_data_that_no_method_asks_for_is_refused():
    la = Laplace(MODEL, THETA).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"^X: expected None but for method='held_out'"):
        la.optimize_prior_precision("mackay", X=X, y=LABELS)
