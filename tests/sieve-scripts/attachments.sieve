require ["foreverypart", "mime", "fileinto"];
foreverypart {
  if header :mime :param "filename" :matches ["Content-Type", "Content-Disposition"] ["*.exe", "*.js"] {
    fileinto "Quarantine";
    break;
  }
}
