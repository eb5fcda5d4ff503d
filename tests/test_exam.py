"""The numbers of the exam's model answers, each from the definitions and not by the steps of the answer."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import entr, expit
from scipy.stats import multivariate_normal, norm

from minilaplace import MLP, BayesianModel, Gaussian
from minilaplace.curvature import hessian

PAGE = (Path(__file__).parents[1] / "tutorials" / "exam.md").read_text(encoding="utf-8")
QUESTIONS = re.split(r"^## \d+\. ", PAGE, flags=re.MULTILINE)[1:]


def said(number, *numbers):
    """Return whether the model answer of a question says each of these numbers, given as it is printed."""
    answer = re.sub(r" \(\d\)", "", QUESTIONS[number - 1].split("<details>")[1])  # without its marks
    words = re.findall(r"(?<![\d.])-?\d+(?:\.\d+)?", answer)
    assert [value for value in numbers if value not in words] == []
    return True


def average_of_sigmoid(m, V):
    sd = np.sqrt(V)
    return quad(lambda f: expit(f) * norm.pdf(f, m, sd), m - 12 * sd, m + 12 * sd, epsabs=1e-12, limit=200)[0]


def test_the_exam_has_sixty_marks_and_every_answer_says_for_what_each_is():
    assert len(QUESTIONS) == 10
    for question in QUESTIONS:
        (total,) = re.findall(r"\A.*\((\d+) marks\)$", question, flags=re.MULTILINE)
        asked, answer = question.split("<details>")
        parts = [int(mark) for mark in re.findall(r"\((\d)\)$", asked, flags=re.MULTILINE)]
        assert sum(parts) == int(total)
        assert sum(int(mark) for mark in re.findall(r"\s\((\d)\)", answer)) == int(total), question
    assert sum(int(total) for total in re.findall(r"\((\d+) marks\)$", PAGE, flags=re.MULTILINE)) == 60


def test_question_1_the_objective_times_n_is_the_loss_of_that_prior():
    N, theta, nll = 500, np.array([0.3, -2.0]), 123.0
    for penalty, delta in [(0.001, 1.0), (0.0005, 0.5)]:
        objective = nll / N + penalty * theta @ theta
        assert N * objective == pytest.approx(nll + delta / 2 * theta @ theta, rel=1e-14)
    assert said(1, "1", "0.5", f"{np.sqrt(1 / 0.001):.1f}")


def test_question_2_newton_s_step_and_the_posterior_of_one_weight():
    x, y = np.array([1.0, 2.0, -1.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0])

    def slope(w):
        return (expit(w * x) - y) @ x + w

    def curvature(w):
        return expit(w * x) * expit(-w * x) @ x**2 + 1

    mode = brentq(slope, 0, 2, xtol=1e-14)
    sd = 1 / np.sqrt(curvature(mode))
    assert said(2, f"{slope(0):.1f}", f"{curvature(0):.2f}", f"{-slope(0) / curvature(0):.3f}")
    assert f"{mode:.2f}" in QUESTIONS[1].split("<details>")[0]
    assert said(2, f"{curvature(mode):.2f}", f"{sd:.2f}", f"{norm.cdf(-mode / sd):.2f}")


THETA, X_3 = np.array([0.5, -1.0, 3.0, 1.0]), np.array([[2.0]])  # w, b, v, c


def test_question_3_the_jacobian_of_the_small_network():
    network = MLP(1, 1, 1, activation="tanh")
    assert network.forward(THETA, X_3)[0, 0] == 1.0
    np.testing.assert_allclose(network.jacobian(THETA, X_3)[0, 0], [6, 3, 0, 1], atol=1e-15)
    assert said(3, "6", "3", "0", "1", "36", "9")


def test_question_4_the_hessian_the_fisher_and_the_prior_that_is_enough():
    model = BayesianModel(MLP(1, 1, 1, activation="tanh"), Gaussian(1.0), 1.0)
    J = model.network.jacobian(THETA, X_3)[0, 0]
    extra = hessian(model, THETA, X_3, np.zeros(1)) - np.outer(J, J)
    np.testing.assert_allclose(extra, [[0, 0, 2, 0], [0, 0, 1, 0], [2, 1, 0, 0], [0, 0, 0, 0]], atol=1e-14)
    half = hessian(model, THETA, X_3, np.array([0.5])) - np.outer(J, J)
    np.testing.assert_allclose(half, extra / 2, atol=1e-14)
    of_w_and_v = hessian(model, THETA, X_3, np.zeros(1))[np.ix_([0, 2], [0, 2])]
    assert said(4, "2", "1", f"{np.linalg.det(of_w_and_v):.0f}", f"{-np.linalg.eigvalsh(of_w_and_v)[0]:.3f}")


A = np.array([[4.0, 2.0], [2.0, 5.0]])


def test_question_5_what_the_cholesky_factor_answers():
    L, J = np.linalg.cholesky(A), np.array([2.0, 3.0])
    np.testing.assert_allclose(L, [[2, 0], [1, 2]], rtol=1e-15)
    assert J @ np.linalg.inv(A) @ J == pytest.approx(2, rel=1e-14)
    np.testing.assert_allclose(np.linalg.inv(L).T @ [1, 2], [0, 1], atol=1e-15)
    assert said(5, "16", f"{np.linalg.slogdet(np.linalg.inv(A))[1]:.2f}", "2", "0", "1")


def test_question_6_the_links_and_their_limits():
    m, V = 2.0, 24 / np.pi
    assert said(6, f"{expit(m):.2f}", f"{expit(m / np.sqrt(1 + np.pi / 8 * V)):.2f}", f"{average_of_sigmoid(m, V):.2f}")
    assert said(6, f"{expit(np.sqrt(8 / np.pi)):.2f}", f"{norm.cdf(1):.2f}")
    far = 1e4
    assert average_of_sigmoid(far, far**2) == pytest.approx(norm.cdf(1), abs=1e-4)
    assert expit(far / np.sqrt(1 + np.pi / 8 * far**2)) == pytest.approx(expit(np.sqrt(8 / np.pi)), abs=1e-7)


def test_question_7_the_evidence_is_the_density_of_the_targets():
    x = y = np.array([1.0, 2.0, 2.0])
    log_evidence = multivariate_normal(np.zeros(3), np.eye(3) + np.outer(x, x)).logpdf(y)
    loss = 0.5 * ((y - 0.9 * x) ** 2).sum() + 0.5 * 0.9**2
    assert said(7, "0.9", f"{loss:.2f}", f"{log_evidence:.2f}", f"{0.9 / 0.9**2:.2f}")


def test_question_8_variances_of_a_diagonal_posterior():
    Sigma, diagonal = np.linalg.inv(A), np.diag(1 / np.diag(A))
    assert said(8, f"{Sigma[0, 0]:.4f}", f"{Sigma[1, 1]:.2f}", "0.25", "0.2")
    for J, full in [(np.array([2.0, 3.0]), 2), (np.array([2.0, -3.0]), 5)]:
        assert J @ Sigma @ J == pytest.approx(full, rel=1e-14)
        assert J @ diagonal @ J == pytest.approx(2.8, rel=1e-14)
    assert said(8, "2", "5", "2.8")


def test_question_9_entropy_and_information():
    total = entr([0.5, 0.5]).sum()
    apart, alike = entr([0.9, 0.1]).sum(), entr([0.5, 0.5]).sum()
    assert said(9, f"{total:.2f}", f"{apart:.2f}", f"{total - apart:.2f}", f"{total - alike:.0f}")
